// SPDX-License-Identifier: Apache-2.0
// A communicator whose messages go into a timeline: how long worker 0, the one that calls it, was
// at them, and how many bytes were sent. In a stretch alone; otherwise it hands over.
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
  std::span<const Range> nodes() const override { return inner_.nodes(); }
  Range host() const override { return inner_.host(); }
  std::shared_ptr<std::byte[]> allocate(Index bytes) override { return inner_.allocate(bytes); }
  void meet(Meeting meeting) override;
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                Meeting meeting) override;
  void sum(std::span<float> values) override;
  void sum(std::span<double> values) override;
  void publish(Activity activity, std::int64_t step) noexcept override {
    inner_.publish(activity, step);
  }
  void pulse() noexcept override { inner_.pulse(); }
  void fail(std::string_view reason) noexcept override { inner_.fail(reason); }
  bool claim_voice() noexcept override { return inner_.claim_voice(); }

 private:
  // Of a step's sums: what worker 0 does between two calls are additions.
  Lane* lane(Meeting meeting) {
    return timeline_.recording() && meeting == Meeting::exchange ? timeline_.lanes() : nullptr;
  }
  template <class T>
  void sum_of(std::span<T> values);

  Communicator& inner_;
  Timeline& timeline_;
};

}  // namespace convoy
