// SPDX-License-Identifier: Apache-2.0
// The job of threads that other tests use: it carries messages and sums, and a rank that breaks its
// rules ends it.
#include "tests/parallel/thread_communicator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/check.hpp"

namespace convoy::test {
namespace {

TEST(ThreadCommunicator, DomainsShareMemoryAndBarriers) {
  run_ranks({3, 1, 2}, [](Communicator& communicator) {
    ASSERT_EQ(communicator.size(), 6);
    ASSERT_EQ(communicator.domains().size(), 3u);
    const Range domain = *std::find_if(
        communicator.domains().begin(), communicator.domains().end(),
        [&](Range n) { return n.begin <= communicator.rank() && communicator.rank() < n.end; });
    const auto block = allocate<int>(communicator, 7);
    const auto second = allocate<int>(communicator, 7);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.get()) % kAlignment, 0u);
    for (int round = 1; round <= 50; ++round) {
      block[communicator.rank() - domain.begin] = round;
      communicator.barrier(SyncPoint::gradients);
      for (Index i = 0; i < domain.size(); ++i) EXPECT_EQ(block[i], round);
      EXPECT_EQ(block[domain.size()], 0);
      EXPECT_EQ(second[0], 0);
      communicator.barrier(SyncPoint::update);
    }
  });
}

TEST(ThreadCommunicator, CarriesMessagesAndSums) {
  run_ranks({1, 2, 1}, [](Communicator& communicator) {
    const int me = communicator.rank();
    for (int round = 0; round < 50; ++round) {
      std::array<int, 4> theirs{};
      const int mine = 100 * round + me;
      std::vector<Outgoing> out;
      std::vector<Incoming> in;
      for (int r = 0; r < 4; ++r) {
        if (r == me) continue;
        out.push_back({r, std::as_bytes(std::span(&mine, 1))});
        in.push_back(
            {r, std::as_writable_bytes(std::span(&theirs[static_cast<std::size_t>(r)], 1))});
      }
      communicator.exchange(out, in, SyncPoint::exchange);
      for (int r = 0; r < 4; ++r) {
        EXPECT_EQ(theirs[static_cast<std::size_t>(r)], r == me ? 0 : 100 * round + r);
      }
      std::array<float, 2> values{static_cast<float>(me), 1};
      communicator.sum(values);
      EXPECT_EQ(values, (std::array<float, 2>{6, 4}));
    }
    communicator.publish(Activity::training, 7);
    communicator.heartbeat();
    std::array<double, 1> nothing{};
    communicator.sum(nothing);  // all have published
    for (int r = 0; r < 4; ++r) {
      EXPECT_EQ(state_of(communicator, r).step, 7);
      EXPECT_EQ(state_of(communicator, r).heartbeats, 1);
    }
  });
}

// The error that the job of two ranks throws.
std::string error_of(const std::function<void(Communicator&)>& work) {
  try {
    run_ranks({2}, work);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing";
}

TEST(ThreadCommunicator, EndsTheJobWhenARankEnds) {
  EXPECT_EQ(error_of([](Communicator& communicator) {
              if (communicator.rank() == 1) throw std::runtime_error("out of paper");
              EXPECT_THROW(communicator.barrier(SyncPoint::gradients), SystemError);
            }),
            "out of paper");
  EXPECT_EQ(error_of([](Communicator& communicator) {
              if (communicator.rank() == 1) {
                communicator.fail("out of ink");
                throw std::runtime_error("the reason");
              }
              communicator.barrier(SyncPoint::gradients);
            }),
            "the reason");
}

TEST(ThreadCommunicator, NamesTheRankThatBreaksTheRules) {
  EXPECT_NE(error_of([](Communicator& communicator) {
              if (communicator.rank() == 0) communicator.barrier(SyncPoint::gradients);
            }).find("rank 1 (left)"),
            std::string::npos);
  EXPECT_NE(
      error_of([](Communicator& communicator) {
        communicator.barrier(communicator.rank() == 0 ? SyncPoint::gradients : SyncPoint::update);
      }).find("another synchronization point"),
      std::string::npos);
  const auto send = [](std::size_t size, SyncPoint sync_point, bool received) {
    return error_of([=](Communicator& communicator) {
      std::array<std::byte, 8> bytes{};
      const Outgoing out{1, std::span(bytes).first(size)};
      const Incoming in{0, bytes};
      if (communicator.rank() == 0) communicator.exchange({&out, 1}, {}, sync_point);
      if (communicator.rank() == 1 && received) {
        communicator.exchange({}, {&in, 1}, SyncPoint::exchange);
      }
    });
  };
  EXPECT_EQ(send(8, SyncPoint::exchange, true), "nothing");
  EXPECT_NE(send(7, SyncPoint::exchange, true).find("rank 0 (sent a message of another size"),
            std::string::npos);
  EXPECT_NE(send(8, SyncPoint::start, true)
                .find("rank 0 (sent a message of another synchronization point"),
            std::string::npos);
  EXPECT_NE(send(8, SyncPoint::exchange, false).find("nobody received"), std::string::npos);
}

}  // namespace
}  // namespace convoy::test
