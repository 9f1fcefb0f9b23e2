// SPDX-License-Identifier: Apache-2.0
// The communicator of one rank.
#include <array>

#include "base/check.hpp"
#include "parallel/communicator.hpp"

namespace convoy {
namespace {

class Alone final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::span<const Range> domains() const override { return domains_; }
  Range host() const override { return {0, 1}; }

  std::shared_ptr<std::byte[]> allocate(Index bytes) override {
    auto memory = std::make_shared<Buffer<std::byte>>(bytes);
    return {memory, memory->data()};
  }

  void barrier(SyncPoint) override {}
  void exchange([[maybe_unused]] std::span<const Outgoing> out,
                [[maybe_unused]] std::span<const Incoming> in, SyncPoint) override {
    CONVOY_ASSERT(out.empty() && in.empty());
  }
  void sum(std::span<float>) override {}
  void sum(std::span<double>) override {}
  void publish(Activity, std::int64_t) noexcept override {}
  void heartbeat() noexcept override {}
  void fail(std::string_view) noexcept override {}

 private:
  static constexpr std::array<Range, 1> domains_{Range{0, 1}};
};

}  // namespace

std::unique_ptr<Communicator> alone() {
  return std::make_unique<Alone>();
}

}  // namespace convoy
