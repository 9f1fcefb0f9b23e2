// SPDX-License-Identifier: Apache-2.0
#include "tests/parallel/thread_transport.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <exception>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <variant>

#include "base/check.hpp"

namespace convoy {
namespace {

struct Message {
  int from = 0;
  int tag = 0;
  std::vector<std::byte> copy;  // of a short one
  std::span<const std::byte>
      borrowed;  // of a longer one: the sender's memory, until it is received
  std::span<const std::byte> bytes() const {
    return borrowed.empty() ? std::span<const std::byte>(copy) : borrowed;
  }
};

using Values = std::variant<std::vector<float>, std::vector<double>>;

// The k-th sum of every rank.
struct Sum {
  std::vector<Values> brought;  // by rank; empty for a rank that has not arrived
  int arrived = 0;
  int left = 0;
};

// The state that the threads share.
struct Network {
  explicit Network(std::vector<int> of_ranks)
      : hosts(std::move(of_ranks)), inboxes(hosts.size()), statuses(hosts.size()) {
    CONVOY_ASSERT(std::is_sorted(hosts.begin(), hosts.end()));
  }
  const std::vector<int> hosts;
  std::mutex mutex;  // guards all members below
  std::vector<std::list<Message>> inboxes;
  std::vector<std::deque<StatusMessage>> statuses;
  std::map<std::uint64_t, Sum> sums;
};

// The sum in the order of ranks, or nothing where sizes or types differ.
template <class T>
bool add_all(const Sum& sum, std::span<T> total) {
  std::fill(total.begin(), total.end(), T{0});
  for (const Values& values : sum.brought) {
    const auto* of_rank = std::get_if<std::vector<T>>(&values);
    if (!of_rank || of_rank->size() != total.size()) return false;
    std::transform(total.begin(), total.end(), of_rank->begin(), total.begin(), std::plus<>());
  }
  return true;
}

class ThreadTransport final : public Transport {
 public:
  ThreadTransport(std::shared_ptr<Network> network, int rank)
      : network_(std::move(network)), rank_(rank) {}
  ~ThreadTransport() override { take_back(); }

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(network_->hosts.size()); }
  const std::vector<int>& hosts() const override { return network_->hosts; }

  void start(std::span<const Outgoing> out, std::span<const Incoming> in, int tag) override {
    CONVOY_ASSERT(idle() && tag >= 0 && tag <= 32767);
    tag_ = tag;
    expected_.assign(in.begin(), in.end());
    const std::lock_guard lock(network_->mutex);
    for (const auto& [to, bytes] : out) {
      CONVOY_ASSERT(to != rank_ && to >= 0 && to < size());
      Message message{rank_, tag, {}, {}};
      if (bytes.size() <= kEagerBytes) {
        message.copy.assign(bytes.begin(), bytes.end());
      } else {
        message.borrowed = bytes;
        sending_ = true;
      }
      inbox(to).push_back(std::move(message));
    }
  }
  void start_sum(std::span<float> values) override { bring(values); }
  void start_sum(std::span<double> values) override { bring(values); }

  bool done() override {
    const std::lock_guard lock(network_->mutex);
    std::erase_if(expected_, [this](const Incoming& incoming) { return take(incoming); });
    if (sending_) sending_ = any_untaken();
    std::visit([this](auto& total) { finish_sum(total); }, total_);
    return idle();
  }

  void tell_all(const StatusMessage& message) override {
    const std::lock_guard lock(network_->mutex);
    for (int r = 0; r < size(); ++r) {
      if (r != rank_) network_->statuses[static_cast<std::size_t>(r)].push_back(message);
    }
  }
  std::optional<StatusMessage> hear() override {
    const std::lock_guard lock(network_->mutex);
    auto& mine = network_->statuses[static_cast<std::size_t>(rank_)];
    if (mine.empty()) return std::nullopt;
    const StatusMessage message = mine.front();
    mine.pop_front();
    return message;
  }

  void end(bool) noexcept override { take_back(); }

 private:
  bool idle() const {
    return expected_.empty() && !sending_ && std::holds_alternative<std::monostate>(total_);
  }
  std::list<Message>& inbox(int rank) { return network_->inboxes[static_cast<std::size_t>(rank)]; }

  // Takes the first message of that rank with this tag; leaves it where its size differs.
  bool take(const Incoming& incoming) {
    auto& messages = inbox(rank_);
    const auto found = std::find_if(messages.begin(), messages.end(), [&](const Message& message) {
      return message.from == incoming.from && message.tag == tag_;
    });
    if (found == messages.end() || found->bytes().size() != incoming.bytes.size()) return false;
    if (!incoming.bytes.empty()) {
      std::memcpy(incoming.bytes.data(), found->bytes().data(), incoming.bytes.size());
    }
    messages.erase(found);
    return true;
  }

  bool is_mine(const Message& message) const {
    return message.from == rank_ && !message.borrowed.empty();
  }
  bool any_untaken() {
    return std::any_of(
        network_->inboxes.begin(), network_->inboxes.end(), [this](const auto& messages) {
          return std::any_of(messages.begin(), messages.end(),
                             [this](const Message& message) { return is_mine(message); });
        });
  }
  // Memory that the sender lent ends with the sender.
  void take_back() noexcept {
    const std::lock_guard lock(network_->mutex);
    for (auto& messages : network_->inboxes) {
      std::erase_if(messages, [this](const Message& message) { return is_mine(message); });
    }
    sending_ = false;
  }

  template <class T>
  void bring(std::span<T> values) {
    CONVOY_ASSERT(idle());
    total_ = values;
    const std::lock_guard lock(network_->mutex);
    Sum& sum = network_->sums[++sum_];
    sum.brought.resize(static_cast<std::size_t>(size()));
    sum.brought[static_cast<std::size_t>(rank_)] = std::vector<T>(values.begin(), values.end());
    ++sum.arrived;
  }
  void finish_sum(std::monostate) {}
  template <class T>
  void finish_sum(std::span<T> total) {
    Sum& sum = network_->sums[sum_];
    if (sum.arrived < size() || !add_all(sum, total)) return;
    total_ = std::monostate();
    if (++sum.left == size()) network_->sums.erase(sum_);
  }

  const std::shared_ptr<Network> network_;
  const int rank_;
  int tag_ = 0;
  std::vector<Incoming> expected_;
  bool sending_ = false;  // lent memory is still on its way
  std::variant<std::monostate, std::span<float>, std::span<double>> total_;
  std::uint64_t sum_ = 0;
};

}  // namespace

std::vector<std::unique_ptr<Transport>> thread_transports(std::vector<int> hosts) {
  const auto network = std::make_shared<Network>(std::move(hosts));
  std::vector<std::unique_ptr<Transport>> transports;
  for (int rank = 0; rank < static_cast<int>(network->hosts.size()); ++rank) {
    transports.push_back(std::make_unique<ThreadTransport>(network, rank));
  }
  return transports;
}

void run_as_threads(const std::vector<int>& hosts,
                    const std::function<void(std::unique_ptr<Transport>)>& work) {
  auto transports = thread_transports(hosts);
  std::vector<std::exception_ptr> errors(hosts.size());
  std::vector<std::thread> threads;
  for (std::size_t rank = 0; rank < hosts.size(); ++rank) {
    threads.emplace_back([&, rank] {
      try {
        work(std::move(transports[rank]));
      } catch (...) {
        errors[rank] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

void wait_for(Transport& transport) {
  while (!transport.done()) std::this_thread::yield();
}

}  // namespace convoy
