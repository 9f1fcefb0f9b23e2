// SPDX-License-Identifier: Apache-2.0
#include "tests/parallel/transport_contract.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/clock.hpp"

namespace convoy {
namespace {

using Bytes = std::vector<std::byte>;

void require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

// Longer than any exchange here takes, even on a busy machine and under a sanitizer.
constexpr double kPatience = 60;

void wait(Transport& transport, const std::string& what) {
  const Stopwatch since;
  while (!transport.done()) {
    require(since.seconds() < kPatience, "never complete: " + what);
    std::this_thread::yield();
  }
  require(transport.done(), "complete, then not: " + what);
}

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

// A message whose bytes depend on sender, receiver and number.
Bytes message(int from, int to, int number, std::size_t size) {
  Bytes bytes(size);
  const std::uint64_t key =
      mix(static_cast<std::uint64_t>(from * 1000 + to) << 20U) + static_cast<std::uint64_t>(number);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(mix(key + i) & 0xffU);
  return bytes;
}

// One exchange: messages to and from others, each of a size that both sides know.
class Round {
 public:
  Round(Transport& transport, int number) : transport_(transport), number_(number) {}

  void send(int to, std::size_t size) {
    sent_.push_back({to, message(transport_.rank(), to, number_, size)});
  }
  void expect(int from, std::size_t size) {
    // A border shows writes beside the given memory.
    expected_.push_back({from, Bytes(size + 2 * kBorder, std::byte{0x5a})});
  }
  void start() {
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    for (auto& [to, bytes] : sent_) out.push_back({to, bytes});
    for (auto& [from, bytes] : expected_) {
      in.push_back({from, std::span(bytes).subspan(kBorder, bytes.size() - 2 * kBorder)});
    }
    transport_.start(out, in, number_ % 32768);
  }
  void finish() {
    const std::string what = "round " + std::to_string(number_);
    wait(transport_, what);
    for (const auto& [from, bytes] : expected_) {
      Bytes right(kBorder, std::byte{0x5a});
      const Bytes middle = message(from, transport_.rank(), number_, bytes.size() - 2 * kBorder);
      right.insert(right.end(), middle.begin(), middle.end());
      right.resize(bytes.size(), std::byte{0x5a});
      require(bytes == right, what + ": wrong bytes from rank " + std::to_string(from));
    }
  }
  void run() {
    start();
    finish();
  }

 private:
  struct OneSide {
    int peer;
    Bytes bytes;
  };
  static constexpr std::size_t kBorder = 16;
  Transport& transport_;
  const int number_;
  std::vector<OneSide> sent_, expected_;
};

void check_numbers(const Transport& transport) {
  const auto& hosts = transport.hosts();
  require(transport.rank() >= 0 && transport.rank() < transport.size(), "rank out of range");
  require(hosts.size() == static_cast<std::size_t>(transport.size()), "not a host for each rank");
  require(std::is_sorted(hosts.begin(), hosts.end()), "hosts descend");
}

void check_all_to_all(Transport& transport) {
  int number = 0;
  for (const std::size_t size : {0U, 1U, 7U, 255U, 256U, 257U, 4099U, 65537U, 300'000U}) {
    Round round(transport, ++number);
    for (int peer = 0; peer < transport.size(); ++peer) {
      if (peer == transport.rank()) continue;
      round.send(peer, size);
      round.expect(peer, size);
    }
    round.run();
  }
}

// Random patterns of messages, also empty ones; in each round, ranks without messages continue.
void check_random_rounds(Transport& transport) {
  const int me = transport.rank();
  for (int number = 100; number < 180; ++number) {
    Round round(transport, number);
    for (int from = 0; from < transport.size(); ++from) {
      for (int to = 0; to < transport.size(); ++to) {
        const std::uint64_t dice =
            mix(static_cast<std::uint64_t>((number * 100 + from) * 100 + to));
        if (from == to || dice % 3 == 0) continue;
        const std::size_t size = (dice >> 8U) % (dice % 5 == 0 ? 20'000 : 600);
        if (from == me) round.send(to, size);
        if (to == me) round.expect(from, size);
      }
    }
    round.run();
  }
}

// Messages around a ring, in which ranks are in different exchanges at a time.
void check_ring(Transport& transport) {
  const int size = transport.size(), me = transport.rank();
  if (size == 1) return;
  for (int turn = 0; turn < 3 * size; ++turn) {
    const std::size_t bytes = turn % 2 == 0 ? 12 : 10'000;
    Round round(transport, 32'700 + turn);
    // First odd ranks, then even ones, so messages form a chain and do not start at once.
    if (me % 2 == turn % 2) std::this_thread::yield();
    round.send((me + 1) % size, bytes);
    round.expect((me + size - 1) % size, bytes);
    round.run();
  }
}

// Numbers whose sum is exact in any order.
template <class T>
void check_sum(Transport& transport) {
  const int size = transport.size();
  for (const std::size_t count : {0U, 1U, 5U, 1000U, 100'003U}) {
    std::vector<T> values(count);
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = static_cast<T>((i % 100 + 1) * static_cast<std::size_t>(transport.rank() + 1));
    }
    transport.start_sum(std::span(values));
    wait(transport, "sum of " + std::to_string(count));
    const auto ranks = static_cast<std::size_t>(size) * static_cast<std::size_t>(size + 1) / 2;
    for (std::size_t i = 0; i < count; ++i) {
      require(values[i] == static_cast<T>((i % 100 + 1) * ranks),
              "wrong sum of " + std::to_string(count));
    }
  }
}

// During an exchange each rank sends a status message to all others, and all arrive.
void check_status(Transport& transport, int number) {
  const int me = transport.rank();
  Round around(transport, number);
  for (int peer = 0; peer < transport.size(); ++peer) {
    if (peer == me) continue;
    around.send(peer, 100'000);
    around.expect(peer, 100'000);
  }
  around.start();
  transport.tell_all({me, number, me + 1, number, std::int64_t{1} << (30 + me)});
  std::set<int> heard;
  const Stopwatch since;
  while (static_cast<int>(heard.size()) < transport.size() - 1) {
    require(since.seconds() < kPatience, "a word was lost");
    transport.done();
    const auto word = transport.hear();
    if (!word) continue;
    require(word->rank != me && heard.insert(word->rank).second, "a word came twice");
    require(word->activity == number && word->sync_point == word->rank + 1 &&
                word->sequence == number && word->step == std::int64_t{1} << (30 + word->rank),
            "another word than was said");
  }
  around.finish();
  // No rank sends the next status message before all have received this one.
  Round between(transport, number + 1);
  for (int peer = 0; peer < transport.size(); ++peer) {
    if (peer == me) continue;
    between.send(peer, 0);
    between.expect(peer, 0);
  }
  between.run();
}

}  // namespace

void check_transport(Transport& transport) {
  check_numbers(transport);
  wait(transport, "nothing");
  transport.start({}, {}, 0);
  wait(transport, "an exchange with nobody");
  require(!transport.hear(), "a word that nobody said");
  check_all_to_all(transport);
  check_random_rounds(transport);
  check_sum<float>(transport);
  check_sum<double>(transport);
  for (int i = 0; i < 5; ++i) check_status(transport, 1000 + 2 * i);
  require(!transport.hear(), "a word that nobody said");
  check_ring(transport);
}

}  // namespace convoy
