// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/device_data.hpp"

#include <algorithm>
#include <vector>

#include "ops/normalize.hpp"

namespace convoy::cuda {
namespace {

constexpr std::size_t kMostCopies = 2;

template <class T>
DeviceArray<T> copied(gpu::Gpu& gpu, std::span<const T> values, const char* what) {
  DeviceArray<T> array(gpu, static_cast<Index>(values.size()), what);
  array.write(gpu, values.data(), array.size());
  gpu.wait();
  return array;
}

// The pixels of all samples, one after the other: at once where they lie so, else in parts.
template <class T>
DeviceArray<T> copied_pixels(gpu::Gpu& gpu, const Dataset& data) {
  constexpr Index kPart = Index{1} << 24;  // bytes
  const Index each = data.image_shape().size();
  const auto* first = static_cast<const T*>(data.source().data);
  if (data.samples().empty())
    return copied(gpu, std::span(first, static_cast<std::size_t>(data.size() * each)),
                  "the images");
  DeviceArray<T> array(gpu, data.size() * each, "the images");
  const Index at_once = std::max<Index>(kPart / (each * Index{sizeof(T)}), 1);
  std::vector<T> part(static_cast<std::size_t>(std::min(at_once, data.size()) * each));
  for (Index begin = 0; begin < data.size(); begin += at_once) {
    const Index end = std::min(begin + at_once, data.size());
    for (Index sample = begin; sample < end; ++sample)
      std::copy_n(first + Index{data.samples()[static_cast<std::size_t>(sample)]} * each, each,
                  part.data() + (sample - begin) * each);
    array.write_to(gpu, begin * each, part.data(), (end - begin) * each);
    gpu.wait();  // before `part` is filled again
  }
  return array;
}

// Whether both have the same memory and samples.
bool is_same(const Dataset& a, const Dataset& b) {
  return a.source().data == b.source().data && a.samples().data() == b.samples().data() &&
         a.labels().data() == b.labels().data() && a.size() == b.size();
}

}  // namespace

DeviceData::DeviceData(gpu::Gpu& gpu, const Net& net) : gpu_(gpu), image_(net.input().size()) {
  const Normalize normalize = make_normalize(net.normalization(), net.input().channels);
  formulas_ = normalize.channels;
  table_ = DeviceArray<float>(gpu, normalize.table, "the table of bytes");
  affine_ = DeviceArray<Affine>(gpu, normalize.affine, "the formula of the input");
}

Images DeviceData::images(const Dataset& data) {
  auto found =
      std::ranges::find_if(copies_, [&](const Copy& copy) { return is_same(copy.data, data); });
  if (found == copies_.end()) {
    if (copies_.size() == kMostCopies) copies_.pop_back();
    const bool is_bytes = data.pixel_type() == PixelType::u8;
    copies_.push_front(
        {data, is_bytes ? copied_pixels<std::uint8_t>(gpu_, data) : DeviceArray<std::uint8_t>(),
         is_bytes ? DeviceArray<float>() : copied_pixels<float>(gpu_, data),
         copied(gpu_, data.labels(), "the labels")});
  } else {
    copies_.splice(copies_.begin(), copies_, found);
  }
  const Copy& copy = copies_.front();
  return {copy.bytes.data(), copy.floats.data(),       copy.labels.data(),         table_.data(),
          affine_.data(),    static_cast<int>(image_), static_cast<int>(formulas_)};
}

}  // namespace convoy::cuda
