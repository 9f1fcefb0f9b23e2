// SPDX-License-Identifier: Apache-2.0
// The communicator of a job with several ranks. It sends messages through a transport; the ranks of
// a memory domain also have blocks of shared memory and a barrier in shared memory. A rank that
// waits watches the others (watch.hpp).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "parallel/domain_barrier.hpp"
#include "parallel/liveness_table.hpp"
#include "parallel/shared_memory.hpp"
#include "parallel/transport.hpp"
#include "parallel/watch.hpp"

namespace convoy {

class Ranks final : public Communicator {
 public:
  // Collective.
  Ranks(std::unique_ptr<Transport> transport, const RanksOptions& options);
  // Collective, unless an exception is in flight or the job failed: then this rank leaves alone.
  ~Ranks() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::span<const Range> domains() const override { return domains_; }
  Range host() const override { return host_; }
  std::shared_ptr<std::byte[]> allocate(Index bytes) override;
  void barrier(SyncPoint sync_point) override;
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                SyncPoint sync_point) override;
  void sum(std::span<float> values) override;
  void sum(std::span<double> values) override;
  void publish(Activity activity, std::int64_t step) noexcept override;
  void heartbeat() noexcept override;
  void fail(std::string_view reason) noexcept override;
  bool claim_reporter() noexcept override;

 private:
  // The first block that the ranks of a host share.
  struct Control {
    DomainBarrier barrier;
    SharedMemoryName block;  // the one being allocated
  };

  bool share_control();
  void choose_liveness_table(bool shared);
  void choose_domains(RanksOptions::Memory memory, bool one_domain, bool shared);
  bool all_agree(bool mine, Range among, SyncPoint sync_point = SyncPoint::start);
  void finish(int waits_for, SyncPoint sync_point);
  void look();

  std::unique_ptr<Transport> transport_;
  const int rank_, size_;
  const std::atomic<bool>* const terminated_;
  const int exceptions_;  // in flight when this was made
  Range host_, domain_;
  const int spins_;
  std::vector<Range> domains_;
  std::optional<SharedMemory> control_memory_;
  Control* control_ = nullptr;
  std::unique_ptr<LivenessTable> liveness_table_;
  std::optional<Watch> watch_;
  std::function<void()> look_;
  std::int64_t step_ = 0;
  bool failed_ = false;
};

}  // namespace convoy
