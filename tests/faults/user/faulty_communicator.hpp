// SPDX-License-Identifier: Apache-2.0
// A rank that goes wrong at a moment of its run: what its communicator would do, and one fault.
#pragma once

#include <atomic>
#include <string>

#include "parallel/communicator.hpp"

namespace convoy::test {

// Not an exception of the library's: the rank ends in good order, in the middle of the run.
struct Leaves {};

struct InjectedFault {
  // kill  SIGKILL       stop  SIGSTOP            throw  an exception      exit  exit(0)
  // leave early, well   skip  a collective call  mismatch  another one    full  no byte more on
  // disk flip  one bit of the weights (faulty_rank.cpp)
  std::string kind;
  int rank = -1;
  // init    before the communicator            start   its first collective call
  // step    the first collective call of it    update  the last one
  // save    of the checkpoint after that step: rank 0 writes it, the others verify their weights
  std::string moment;
  std::int64_t step = 0;
};
InjectedFault parse_fault(const std::string& text);  // kill@1:step=7, stop@0:start

// Ends this process, or does not return, or throws.
void go_wrong(const InjectedFault& fault);

// The fault comes once, on its rank.
class FaultyCommunicator final : public Communicator {
 public:
  FaultyCommunicator(Communicator& inner, const InjectedFault& fault);

  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  std::span<const Range> nodes() const override { return inner_.nodes(); }
  Range host() const override { return inner_.host(); }
  std::shared_ptr<std::byte[]> allocate(Index bytes) override;
  void meet(Meeting meeting) override;
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                Meeting meeting) override;
  void sum(std::span<float> values) override { inner_.sum(values); }
  void sum(std::span<double> values) override { inner_.sum(values); }
  void publish(Activity activity, std::int64_t step) noexcept override;
  void pulse() noexcept override { inner_.pulse(); }
  void fail(std::string_view reason) noexcept override { inner_.fail(reason); }
  bool claim_voice() noexcept override { return inner_.claim_voice(); }

 private:
  bool is_time(Meeting meeting) const;
  bool is_skipped(Meeting& meeting);

  Communicator& inner_;
  const InjectedFault fault_;
  std::atomic<bool> waits_;  // for its moment, on its rank
  std::atomic<std::int64_t> step_{-1};
};

}  // namespace convoy::test
