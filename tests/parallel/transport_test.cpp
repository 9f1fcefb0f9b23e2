// SPDX-License-Identifier: Apache-2.0
// The contract of a Transport, with ranks as threads; operations that do not match never complete.
#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

#include "tests/parallel/thread_transport.hpp"
#include "tests/parallel/transport_contract.hpp"

namespace convoy {
namespace {

TEST(ThreadTransport, KeepsTheContract) {
  for (int ranks = 1; ranks <= 8; ++ranks) {
    run_as_threads(one_host(ranks), [](std::unique_ptr<Transport> transport) {
      check_transport(*transport);
      transport->end(true);
    });
  }
}

TEST(ThreadTransport, KnowsTheHosts) {
  const std::vector<int> hosts{0, 0, 1, 4, 4};
  run_as_threads(hosts, [&](std::unique_ptr<Transport> transport) {
    EXPECT_EQ(transport->hosts(), hosts);
    check_transport(*transport);
  });
}

TEST(ThreadTransport, ThrowsTheExceptionOfTheLowestRank) {
  try {
    run_as_threads(one_host(4), [](std::unique_ptr<Transport> transport) {
      if (transport->rank() % 2 == 1) {
        throw std::runtime_error("rank " + std::to_string(transport->rank()));
      }
    });
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "rank 1");
  }
}

class TwoRanks : public testing::Test {
 protected:
  void send(std::size_t bytes, int tag) {
    const Outgoing out{1, std::span(sent_).first(bytes)};
    ranks_[0]->start({&out, 1}, {}, tag);
  }
  void expect(std::size_t bytes, int tag) {
    const Incoming in{0, std::span(received_).first(bytes)};
    ranks_[1]->start({}, {&in, 1}, tag);
  }
  bool completes(int rank) {
    auto& transport = *ranks_[static_cast<std::size_t>(rank)];
    for (int turn = 0; turn < 100; ++turn) {
      if (transport.done()) return true;
    }
    return false;
  }

  std::array<std::byte, 1000> sent_{}, received_{};
  std::vector<std::unique_ptr<Transport>> ranks_ = thread_transports(one_host(2));
};

TEST_F(TwoRanks, ShortMessagesAreCompleteOnceSent) {
  send(kEagerBytes, 5);
  EXPECT_TRUE(completes(0));
  expect(kEagerBytes, 5);
  EXPECT_TRUE(completes(1));
}

TEST_F(TwoRanks, LongMessagesAreCompleteOnceReceived) {
  send(kEagerBytes + 1, 5);
  EXPECT_FALSE(completes(0));
  expect(kEagerBytes + 1, 5);
  EXPECT_TRUE(completes(1));
  EXPECT_TRUE(completes(0));
}

TEST_F(TwoRanks, AnotherTagNeverCompletes) {
  send(8, 5);
  expect(8, 6);
  EXPECT_FALSE(completes(1));
}

TEST_F(TwoRanks, AnotherSizeNeverCompletes) {
  send(8, 5);
  expect(16, 5);
  EXPECT_FALSE(completes(1));
}

TEST_F(TwoRanks, MessagesThatWereNeverReceivedGoWithTheirSender) {
  send(1000, 5);
  ranks_[0].reset();
  expect(1000, 5);
  EXPECT_FALSE(completes(1));
}

TEST_F(TwoRanks, SumsOfOtherSizesOrTypesNeverComplete) {
  std::array<float, 3> three{};
  std::array<double, 3> doubles{};
  ranks_[0]->start_sum(std::span(three));
  EXPECT_FALSE(completes(0));
  ranks_[1]->start_sum(std::span(doubles));
  EXPECT_FALSE(completes(0));
  EXPECT_FALSE(completes(1));
}

}  // namespace
}  // namespace convoy
