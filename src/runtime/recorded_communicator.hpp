// SPDX-License-Identifier: Apache-2.0
// A communicator that records its messages in a timeline: the time that worker 0, which calls it,
// spends on them, and the number of bytes sent. It records during step ranges alone, and forwards
// every call to another communicator.
#pragma once

#include "parallel/communicator.hpp"
#include "runtime/timeline.hpp"

namespace convoy {

class RecordedCommunicator final : public Communicator {
 public:
  RecordedCommunicator(Communicator& inner, Timeline& timeline)
      : inner_(inner), timeline_(timeline) {}

  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  std::span<const Range> domains() const override { return inner_.domains(); }
  Range host() const override { return inner_.host(); }
  std::shared_ptr<std::byte[]> allocate(Index bytes) override { return inner_.allocate(bytes); }
  void barrier(SyncPoint sync_point) override;
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                SyncPoint sync_point) override;
  void sum(std::span<float> values) override;
  void sum(std::span<double> values) override;
  void publish(Activity activity, std::int64_t step) noexcept override {
    inner_.publish(activity, step);
  }
  void heartbeat() noexcept override { inner_.heartbeat(); }
  void fail(std::string_view reason) noexcept override { inner_.fail(reason); }
  bool claim_reporter() noexcept override { return inner_.claim_reporter(); }

 private:
  // Worker 0's track while it exchanges a step's sums, or statistics: between two such calls it
  // does additions.
  Track* track(SyncPoint sync_point) {
    const bool sums = sync_point == SyncPoint::exchange || sync_point == SyncPoint::statistics;
    return timeline_.recording() && sums ? timeline_.tracks() : nullptr;
  }
  template <class T>
  void sum_of(std::span<T> values);

  Communicator& inner_;
  Timeline& timeline_;
};

}  // namespace convoy
