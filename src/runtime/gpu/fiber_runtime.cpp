// SPDX-License-Identifier: Apache-2.0
// A simulated GPU: kernels run as fibers, within the launch, in the host's memory.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>

#include "runtime/gpu/fiber_device.hpp"
#include "runtime/gpu/fibers.hpp"
#include "runtime/gpu/gpu.hpp"
#include "runtime/gpu/out_of_memory.hpp"

namespace convoy::gpu {
namespace {

// Guard bytes after each allocation, which no kernel may write.
constexpr std::size_t kGuardBytes = 256;
constexpr int kUnwritten = 0xFF;  // as floats: NaN

class FiberLoop final : public Gpu::Loop {
 public:
  explicit FiberLoop(const std::function<void(Condition)>& body) : body_(body) {}
  void launch() override {
    do {
      again_ = false;
      body_(reinterpret_cast<Condition>(&again_));
    } while (again_);
  }

 private:
  const std::function<void(Condition)> body_;
  bool again_ = false;
};

class FiberMoment final : public Gpu::Moment {
 public:
  void take() override { at_ = std::chrono::steady_clock::now(); }
  double seconds_since(const Gpu::Moment& earlier) const override {
    return std::chrono::duration<double>(at_ - static_cast<const FiberMoment&>(earlier).at_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point at_;
};

}  // namespace

FiberDevice& fiber_device() {
  thread_local FiberDevice mine;
  return mine;
}

struct Gpu::State {
  Facts facts;
  std::shared_ptr<Index> used = std::make_shared<Index>(0);
};

std::vector<Facts> devices() {
  return {fiber_device().facts};
}
std::string library() {
  return "fibers";
}

Gpu::Gpu(int) : state_(std::make_unique<State>()) {
  state_->facts = fiber_device().facts;
}
Gpu::~Gpu() = default;

const Facts& Gpu::facts() const {
  return state_->facts;
}

Memory Gpu::allocate(Index bytes, std::string_view what) {
  const Index free = state_->facts.memory_bytes - *state_->used;
  if (bytes > free) throw_out_of_memory(state_->facts.name, what, bytes, free);
  *state_->used += bytes;
  const auto size = static_cast<std::size_t>(bytes);
  auto* const memory =
      static_cast<std::byte*>(::operator new (size + kGuardBytes, std::align_val_t{kAlignment}));
  std::memset(memory, kUnwritten, size + kGuardBytes);
  return {memory, [size, used = state_->used, device = &fiber_device()](std::byte* p) {
            for (std::size_t i = size; i < size + kGuardBytes; ++i) {
              if (p[i] != std::byte{kUnwritten}) ++device->writes_beyond;
            }
            *used -= static_cast<Index>(size);
            ::operator delete (p, std::align_val_t{kAlignment});
          }};
}

Memory Gpu::allocate_pinned(Index bytes) {
  return std::make_shared<std::byte[]>(static_cast<std::size_t>(bytes));
}

void Gpu::copy_to_device(std::byte* to, const std::byte* from, Index bytes) {
  std::copy_n(from, bytes, to);
}
void Gpu::copy_to_host(std::byte* to, const std::byte* from, Index bytes) {
  std::copy_n(from, bytes, to);
}
void Gpu::clear(std::byte* memory, Index bytes) {
  std::fill_n(memory, bytes, std::byte{0});
}

void Gpu::wait(const std::function<void()>& meanwhile) {
  if (meanwhile) meanwhile();
}

int Gpu::resident_blocks(const void*, unsigned, std::size_t) {
  return state_->facts.multiprocessors;
}

void Gpu::run(const GridSize& size, const std::function<void()>& kernel) {
  if (fiber_device().before_launch) fiber_device().before_launch();
  fibers::run_grid(size.blocks, size.threads, size.shared_bytes, size.cooperative, kernel);
}

std::unique_ptr<Gpu::Loop> Gpu::make_loop(const std::function<void(Condition)>& body) {
  return std::make_unique<FiberLoop>(body);
}
std::unique_ptr<Gpu::Moment> Gpu::make_moment() {
  return std::make_unique<FiberMoment>();
}

}  // namespace convoy::gpu
