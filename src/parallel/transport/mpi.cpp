// SPDX-License-Identifier: Apache-2.0
// Messages by MPI. After construction no call waits for another rank, except MPI_Finalize after all
// ranks have arrived: done() only tests, and the caller decides how long it repeats that. So a dead
// rank does not make the others hang. RanksOptions::around_unlimited_call tells the program about
// the calls that do wait.
#include <mpi.h>
#include <time.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "base/clock.hpp"
#include "parallel/transport.hpp"

namespace convoy {
namespace {

// MPI counts in int, so longer messages are sent in parts.
constexpr std::size_t kMostBytes = std::size_t{1} << 30;
constexpr std::size_t kMostValues = std::size_t{1} << 28;
constexpr int kStatusTag = 0;
static_assert(std::is_trivially_copyable_v<StatusMessage>);
// Time for the other ranks to arrive at the orderly end, on which all have agreed already.
constexpr double kEndSeconds = 10;

std::string peer_name(int rank) {
  return rank < 0 ? "all ranks" : "rank " + std::to_string(rank);
}

void check(int code, const char* call, int peer) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  const std::string_view first_line(text, std::strcspn(text, "\n"));  // MPICH adds a stack of calls
  throw SystemError(Fault::peer, call, peer_name(peer), first_line);
}

int class_of(int code) {
  int error_class = code;
  MPI_Error_class(code, &error_class);
  return error_class;
}

template <class T>
MPI_Datatype mpi_type() {
  return std::is_same_v<T, float> ? MPI_FLOAT : MPI_DOUBLE;
}

using AroundCall = std::function<void(const char* call)>;

// It lives during a call of the library that may wait without limit.
class UnlimitedCall {
 public:
  UnlimitedCall(const AroundCall& around, const char* call) : around_(around) {
    if (around_) around_(call);
  }
  ~UnlimitedCall() {
    if (around_) around_(nullptr);
  }
  UnlimitedCall(const UnlimitedCall&) = delete;
  UnlimitedCall& operator=(const UnlimitedCall&) = delete;

 private:
  const AroundCall& around_;
};

// What a request is for: an error message names its call and peer, and its size is checked.
struct Pending {
  const char* call;
  int peer;
  int bytes;  // to receive; -1: nothing
};

class MpiTransport final : public Transport {
 public:
  MpiTransport(bool owns_mpi, AroundCall around) : owns_mpi_(owns_mpi), around_(std::move(around)) {
    const UnlimitedCall call(around_, "MPI_Comm_split");
    number_ranks();
    check(MPI_Comm_dup(messages_, &statuses_), "MPI_Comm_dup", -1);
    last_sent_.resize(hosts_.size());
  }

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(hosts_.size()); }
  const std::vector<int>& hosts() const override { return hosts_; }

  void start(std::span<const Outgoing> out, std::span<const Incoming> in, int tag) override {
    CONVOY_ASSERT(requests_.empty());
    // Receives are posted first, so that MPI can write what arrives to its place at once.
    for (const auto& [from, bytes] : in) {
      in_parts(bytes, kMostBytes, [&, peer = from](std::byte* begin, int count) {
        MPI_Request* request = add({"MPI_Irecv", peer, count});
        check(MPI_Irecv(begin, count, MPI_BYTE, peer, tag, messages_, request), "MPI_Irecv", peer);
      });
    }
    for (const auto& [to, bytes] : out) {
      in_parts(bytes, kMostBytes, [&, peer = to](const std::byte* begin, int count) {
        MPI_Request* request = add({"MPI_Isend", peer, -1});
        check(MPI_Isend(begin, count, MPI_BYTE, peer, tag, messages_, request), "MPI_Isend", peer);
      });
    }
  }
  void start_sum(std::span<float> values) override { sum(values); }
  void start_sum(std::span<double> values) override { sum(values); }

  bool done() override {
    if (requests_.empty()) return true;
    statuses_of_requests_.resize(requests_.size());
    int all = 0;
    const int code = MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &all,
                                 statuses_of_requests_.data());
    if (code != MPI_SUCCESS) throw_failed(code);
    if (!all) return false;
    check_sizes();
    requests_.clear();
    pending_.clear();
    return true;
  }

  void tell_all(const StatusMessage& message) override;
  std::optional<StatusMessage> hear() override;
  void end(bool orderly) noexcept override;

 private:
  // The status message in flight to a rank: one at most. A rank that does not receive it gets no
  // newer one.
  struct Told {
    StatusMessage message;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  void number_ranks();
  bool all_here();

  MPI_Request* add(Pending pending) {
    pending_.push_back(pending);
    return &requests_.emplace_back(MPI_REQUEST_NULL);
  }

  // Calls `part` for each part of at most `most` values; once for an empty span.
  template <class T, class Part>
  static void in_parts(std::span<T> values, std::size_t most, const Part& part) {
    do {
      const std::size_t count = std::min(values.size(), most);
      part(values.data(), static_cast<int>(count));
      values = values.subspan(count);
    } while (!values.empty());
  }

  template <class T>
  void sum(std::span<T> values) {
    CONVOY_ASSERT(requests_.empty());
    in_parts(values, kMostValues, [&](T* begin, int count) {
      MPI_Request* request = add({"MPI_Iallreduce", -1, -1});
      check(MPI_Iallreduce(MPI_IN_PLACE, begin, count, mpi_type<T>(), MPI_SUM, messages_, request),
            "MPI_Iallreduce", -1);
    });
  }

  [[noreturn]] void throw_failed(int code) const {
    for (std::size_t i = 0; i < requests_.size() && class_of(code) == MPI_ERR_IN_STATUS; ++i) {
      const int error = statuses_of_requests_[i].MPI_ERROR;
      if (class_of(error) != MPI_ERR_PENDING) check(error, pending_[i].call, pending_[i].peer);
    }
    check(code, "MPI_Testall", -1);
    throw SystemError(Fault::peer, "MPI_Testall", peer_name(-1), "no reason given");
  }

  void check_sizes() const {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      const auto& [call, peer, bytes] = pending_[i];
      if (bytes < 0) continue;
      int received = 0;
      MPI_Get_count(&statuses_of_requests_[i], MPI_BYTE, &received);
      if (received == bytes) continue;
      throw SystemError(
          Fault::peer, call, peer_name(peer),
          "a message of " + std::to_string(received) + " bytes, not " + std::to_string(bytes));
    }
  }

  const bool owns_mpi_;
  const AroundCall around_;
  MPI_Comm messages_ = MPI_COMM_NULL, statuses_ = MPI_COMM_NULL;
  int rank_ = 0;
  std::vector<int> hosts_;
  std::vector<MPI_Request> requests_;  // of what start() or start_sum() began
  std::vector<Pending> pending_;
  std::vector<MPI_Status> statuses_of_requests_;
  std::vector<Told> last_sent_;
  bool ended_ = false;
};

// The ranks that can share memory, by MPI, form a host. Hosts are ordered by their lowest rank in
// the world, so world rank 0 (whose standard output the launcher may treat differently) stays 0.
void MpiTransport::number_ranks() {
  int world_rank = 0, world_size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
  MPI_Comm_size(MPI_COMM_WORLD, &world_size);
  MPI_Comm host = MPI_COMM_NULL;
  check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, world_rank, MPI_INFO_NULL, &host),
        "MPI_Comm_split_type", -1);
  int lowest = world_rank;
  check(MPI_Bcast(&lowest, 1, MPI_INT, 0, host), "MPI_Bcast", -1);
  MPI_Comm_free(&host);
  std::vector<int> lowests(static_cast<std::size_t>(world_size));
  check(MPI_Allgather(&lowest, 1, MPI_INT, lowests.data(), 1, MPI_INT, MPI_COMM_WORLD),
        "MPI_Allgather", -1);

  std::vector<std::size_t> order(lowests.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return lowests[a] < lowests[b]; });
  for (const std::size_t world : order) hosts_.push_back(lowests[world]);
  const auto found = std::find(order.begin(), order.end(), static_cast<std::size_t>(world_rank));
  rank_ = static_cast<int>(found - order.begin());
  check(MPI_Comm_split(MPI_COMM_WORLD, 0, rank_, &messages_), "MPI_Comm_split", -1);
  MPI_Comm_set_errhandler(messages_, MPI_ERRORS_RETURN);  // inherited by its duplicate
}

void MpiTransport::tell_all(const StatusMessage& message) {
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank_) continue;
    auto& [told, request] = last_sent_[static_cast<std::size_t>(peer)];
    int sent = 0;
    check(MPI_Test(&request, &sent, MPI_STATUS_IGNORE), "MPI_Test", peer);
    if (!sent) continue;
    told = message;
    check(MPI_Isend(&told, sizeof told, MPI_BYTE, peer, kStatusTag, statuses_, &request),
          "MPI_Isend", peer);
  }
}

std::optional<StatusMessage> MpiTransport::hear() {
  int there = 0;
  MPI_Status status;
  check(MPI_Iprobe(MPI_ANY_SOURCE, kStatusTag, statuses_, &there, &status), "MPI_Iprobe", -1);
  if (!there) return std::nullopt;
  StatusMessage message;
  // The message has arrived, so this does not wait.
  check(MPI_Recv(&message, sizeof message, MPI_BYTE, status.MPI_SOURCE, kStatusTag, statuses_,
                 MPI_STATUS_IGNORE),
        "MPI_Recv", status.MPI_SOURCE);
  return message;
}

// Waits until all ranks have arrived and no status is in flight; false after kEndSeconds.
bool MpiTransport::all_here() {
  const auto wait = [&](MPI_Request& request, const Stopwatch& since) {
    for (int complete = 0;;) {
      check(MPI_Test(&request, &complete, MPI_STATUS_IGNORE), "MPI_Test", -1);
      while (hear()) continue;
      if (complete) return true;
      if (since.seconds() > kEndSeconds) return false;
      const timespec nap{0, 50'000};
      nanosleep(&nap, nullptr);
    }
  };
  const Stopwatch since;
  // A rank that arrives at the barrier has sent all its messages; after the barrier it receives the
  // remaining ones.
  MPI_Request barrier = MPI_REQUEST_NULL;
  check(MPI_Ibarrier(statuses_, &barrier), "MPI_Ibarrier", -1);
  if (!wait(barrier, since)) return false;
  return std::all_of(last_sent_.begin(), last_sent_.end(),
                     [&](Told& told) { return wait(told.request, since); });
}

// Where a rank exits without MPI_Finalize, the launcher treats that as a failure and ends the
// others.
void MpiTransport::end(bool orderly) noexcept {
  if (std::exchange(ended_, true) || !orderly || !requests_.empty()) return;
  try {
    if (!all_here()) return;
  } catch (const Error&) {
    return;
  }
  const UnlimitedCall call(around_, "MPI_Finalize");
  MPI_Comm_free(&statuses_);
  MPI_Comm_free(&messages_);
  if (owns_mpi_) MPI_Finalize();
}

// The value of srun's option --mpi with which the ranks of this library find each other.
const char* slurm_plugin(const std::string& library) {
  return library.starts_with("Open MPI") ? "pmix" : "pmi2";
}

// Open MPI 5 and many builds of version 4 support only PMIx.
bool speaks_pmi(const std::string& library) {
  if (!library.starts_with("Open MPI")) return true;
  return library.starts_with("Open MPI 4") && CONVOY_OPEN_MPI_WITHOUT_PMI == 0;
}

[[noreturn]] void throw_unconnected(int announced, const char* why) {
  const std::string library = mpi_library(), launcher = mpi_launcher();
  const std::string problem =
      "the launcher announces " + std::to_string(announced) + " ranks, which can't find each other";
  throw UserError(Fault::unavailable, problem, why,
                  std::string("use srun --mpi=") + slurm_plugin(library) +
                      " ('srun --mpi=list' shows what there is), or the launcher of " + library +
                      ", with which this was built" + (launcher.empty() ? "" : ": " + launcher));
}

// True if this call started MPI; then the transport finalises it.
bool start_mpi(const AroundCall& around) {
  int finalized = 0, initialized = 0;
  MPI_Finalized(&finalized);
  if (finalized) {
    throw UserError(Fault::unavailable, "MPI can't be started again",
                    "it has been finalised in this process",
                    "make one communicator, or initialise MPI around several");
  }
  MPI_Initialized(&initialized);
  if (initialized) return false;
  const int announced = announced_ranks();  // before MPI, which may set the variables itself
  // Open MPI 4 would end the process in MPI_Init; others would see one rank in each process.
  if (lacks_process_manager()) throw_unconnected(announced, "srun started them without PMI");
  if (lacks_pmix() && !speaks_pmi(mpi_library())) {
    throw_unconnected(announced, "srun started them without PMIx");
  }
  int provided = 0, ranks = 0;
  {
    const UnlimitedCall call(around, "MPI_Init");
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread", -1);
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (announced > 1 && ranks == 1) {
    MPI_Finalize();
    throw_unconnected(announced, "MPI sees one: srun without PMI, or another library's mpirun?");
  }
  return true;
}

void check_threads() {
  int level = 0, is_main = 0;
  MPI_Query_thread(&level);
  MPI_Is_thread_main(&is_main);
  if (level >= MPI_THREAD_SERIALIZED || (level >= MPI_THREAD_FUNNELED && is_main)) return;
  throw UserError(Fault::unavailable, "MPI does not allow threads beside the one that calls it",
                  level < MPI_THREAD_FUNNELED ? "it was initialised without them"
                                              : "another thread initialised it",
                  "initialise it by MPI_Init_thread with MPI_THREAD_FUNNELED, in this thread");
}

}  // namespace

std::unique_ptr<Transport> mpi_transport(const AroundCall& around_unlimited_call) {
  const bool owns_mpi = start_mpi(around_unlimited_call);
  check_threads();
  return std::make_unique<MpiTransport>(owns_mpi, around_unlimited_call);
}

std::string mpi_launcher() {
  return CONVOY_MPI_LAUNCHER;
}

// "Open MPI v4.1.4, package: ..." and "MPICH Version:\t4.0.2\n..." become "Open MPI 4.1.4" and
// "MPICH 4.0.2".
std::string mpi_library() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  std::string name(text, std::strcspn(text, ",\n"));
  std::replace(name.begin(), name.end(), '\t', ' ');
  if (const auto word = name.find(" Version:"); word != std::string::npos) name.erase(word, 9);
  for (std::size_t i = 0; i + 2 < name.size(); ++i) {
    if (name[i] == ' ' && name[i + 1] == 'v' && std::isdigit(name[i + 2])) name.erase(i + 1, 1);
  }
  return name;
}

}  // namespace convoy
