// SPDX-License-Identifier: Apache-2.0
// Arrays on a GPU, and pinned arrays of the host, which a GPU can read and write.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "runtime/gpu/gpu.hpp"

namespace convoy::cuda {

template <class T>
class DeviceArray {
 public:
  DeviceArray() = default;
  DeviceArray(gpu::Gpu& gpu, Index size, std::string_view what)
      : memory_(gpu.allocate(size * Index{sizeof(T)}, what)), size_(size) {}
  // An array with these values.
  DeviceArray(gpu::Gpu& gpu, const std::vector<T>& values, std::string_view what)
      : DeviceArray(gpu, static_cast<Index>(values.size()), what) {
    write(gpu, values.data(), size_);
    gpu.wait();  // `values` may be destroyed now
  }

  T* data() const { return reinterpret_cast<T*>(memory_.get()); }
  Index size() const { return size_; }

  // Copies in the order of the stream. `from` and `to` must stay valid until the copy is done.
  void write(gpu::Gpu& gpu, const T* from, Index count) {
    gpu.copy_to_device(memory_.get(), reinterpret_cast<const std::byte*>(from),
                       count * Index{sizeof(T)});
  }
  void read(gpu::Gpu& gpu, T* to, Index count) const { read_from(gpu, 0, to, count); }
  void read_from(gpu::Gpu& gpu, Index first, T* to, Index count) const {
    gpu.copy_to_host(reinterpret_cast<std::byte*>(to),
                     reinterpret_cast<const std::byte*>(data() + first), count * Index{sizeof(T)});
  }
  void write_to(gpu::Gpu& gpu, Index first, const T* from, Index count) {
    gpu.copy_to_device(reinterpret_cast<std::byte*>(data() + first),
                       reinterpret_cast<const std::byte*>(from), count * Index{sizeof(T)});
  }

 private:
  gpu::Memory memory_;
  Index size_ = 0;
};

template <class T>
class PinnedArray {
 public:
  PinnedArray() = default;
  PinnedArray(gpu::Gpu& gpu, Index size)
      : memory_(gpu.allocate_pinned(size * Index{sizeof(T)})), size_(size) {
    std::uninitialized_value_construct_n(data(), size);
  }
  T* data() const { return reinterpret_cast<T*>(memory_.get()); }
  T& operator[](Index i) const { return data()[i]; }
  Index size() const { return size_; }

 private:
  gpu::Memory memory_;
  Index size_ = 0;
};

}  // namespace convoy::cuda
