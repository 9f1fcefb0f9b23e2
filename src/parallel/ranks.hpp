// SPDX-License-Identifier: Apache-2.0
// The communicator of many ranks: messages of a transport, and for the ranks of a node blocks of
// shared memory and a barrier in one. Whoever waits watches (watch.hpp).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "parallel/board.hpp"
#include "parallel/node_barrier.hpp"
#include "parallel/shared_memory.hpp"
#include "parallel/transport.hpp"
#include "parallel/watch.hpp"

namespace convoy {

class Ranks final : public Communicator {
 public:
  // Collective.
  Ranks(std::unique_ptr<Transport> transport, const RanksOptions& options);
  // Orderly, all ranks leave together; where an exception is under way or the job failed, alone.
  ~Ranks() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::span<const Range> nodes() const override { return nodes_; }
  Range host() const override { return host_; }
  std::shared_ptr<std::byte[]> allocate(Index bytes) override;
  void meet(Meeting meeting) override;
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in,
                Meeting meeting) override;
  void sum(std::span<float> values) override;
  void sum(std::span<double> values) override;
  void publish(Activity activity, std::int64_t step) noexcept override;
  void pulse() noexcept override;
  void fail(std::string_view reason) noexcept override;
  bool claim_voice() noexcept override;

 private:
  // What the ranks of a host share first of all.
  struct Control {
    NodeBarrier barrier;
    SharedMemoryName block;  // the one being allocated
  };

  bool share_control();
  void choose_board(bool shared);
  void choose_nodes(RanksOptions::Memory memory, bool one_node, bool shared);
  bool all_agree(bool mine, Range among, Meeting meeting = Meeting::start);
  void finish(int waits_for, Meeting meeting);
  void look();

  std::unique_ptr<Transport> transport_;
  const int rank_, size_;
  const std::atomic<bool>* const terminated_;
  const int exceptions_;  // under way when this was made
  Range host_, node_;
  const int spins_;
  std::vector<Range> nodes_;
  std::optional<SharedMemory> control_memory_;
  Control* control_ = nullptr;
  std::unique_ptr<Board> board_;
  std::optional<Watch> watch_;
  std::function<void()> look_;
  std::int64_t step_ = 0;
  bool failed_ = false;
};

}  // namespace convoy
