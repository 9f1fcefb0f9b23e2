// SPDX-License-Identifier: Apache-2.0
// A transport in which the test takes the part of ranks on other machines.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "parallel/liveness_table.hpp"
#include "parallel/transport.hpp"

namespace convoy::test {

// The transport of rank 0 of four, each on a machine of its own: it carries status messages alone.
// `told` has the sent messages, `incoming` those not yet received, and `answers` those that the
// others send after each message to them.
class Mailbox : public Transport {
 public:
  int rank() const override { return 0; }
  int size() const override { return 4; }
  const std::vector<int>& hosts() const override { return hosts_; }
  void start(std::span<const Outgoing>, std::span<const Incoming>, int) override {}
  void start_sum(std::span<float>) override {}
  void start_sum(std::span<double>) override {}
  bool done() override { return false; }
  void tell_all(const StatusMessage& message) override {
    told.push_back(message);
    incoming.insert(incoming.end(), answers.begin(), answers.end());
  }
  std::optional<StatusMessage> hear() override {
    if (incoming.empty()) return std::nullopt;
    const StatusMessage message = incoming.front();
    incoming.pop_front();
    return message;
  }
  void end(bool) noexcept override {}

  static StatusMessage status(int rank, SyncPoint sync_point) {
    return {rank, static_cast<int>(Activity::training), static_cast<int>(sync_point), 17, 17};
  }
  std::vector<StatusMessage> told, answers;
  std::deque<StatusMessage> incoming;

 private:
  std::vector<int> hosts_{0, 1, 2, 3};
};

}  // namespace convoy::test
