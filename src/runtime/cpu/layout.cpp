// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/layout.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

#include "base/machine.hpp"
#include "parallel/collectives.hpp"
#include "runtime/cpu/workers.hpp"

namespace convoy {
namespace {

// A microbatch holds as many grains as fit into this memory. For a worker group of one thread the
// workspace stays in the second-level cache, and dense layers still get many samples at once. For a
// worker group whose members wait for each other after every stage it makes barriers rare, and a
// larger batch needs no more memory.
constexpr Index kThreadMicrobatchBytes = Index{1} << 20;
constexpr Index kGroupMicrobatchBytes = Index{32} << 20;

// More than the cores of any machine; the limit exists because each thread needs memory of its own.
constexpr int kMostThreads = 4096;

std::set<int> numbers_in(const std::string& text) {
  std::set<int> numbers;
  std::istringstream in(text);
  for (int number = 0; in >> number;) numbers.insert(number);
  return numbers;
}

// The cores that this process may use, and the number of ranks of this host that share them.
struct Cores {
  int usable = 1;
  int ranks = 1;       // that share them, this one included
  bool bound = false;  // whether the process is bound to a part of the machine's cores
};

Cores cores_of(Communicator& communicator) {
  const CoreSet mask = worker_cores();
  Cores cores{usable_cores(mask), 1, mask.count() > 0 && mask.count() < online_cores()};
  if (communicator.size() == 1) return cores;
  const auto masks =
      all_gather(communicator, fmt::format("{}", fmt::join(mask.numbers(), " ")), SyncPoint::start);
  cores.ranks = 0;
  for (Index r = communicator.host().begin; r < communicator.host().end; ++r) {
    const std::set<int> theirs = numbers_in(masks[static_cast<std::size_t>(r)]);
    const bool shared = std::ranges::any_of(theirs, [&](int core) { return mask.contains(core); });
    cores.ranks += shared || r == communicator.rank();
  }
  return cores;
}

// "this process may use 2 cores"
std::string in_words(const Cores& cores) {
  return cores.ranks > 1 ? fmt::format("{} ranks share {} cores", cores.ranks, cores.usable)
                         : fmt::format("this process may use {} cores", cores.usable);
}

// The number of threads where neither an option nor a readable OMP_NUM_THREADS gives one.
int usual_threads(const Cores& cores, Layout& layout) {
  int threads = std::max(1, cores.usable / cores.ranks);
  std::string why = in_words(cores);
  if (const int granted = slurm_cpus_per_task(); !cores.bound && granted > 0 && granted < threads) {
    threads = granted;
    why = fmt::format("SLURM_CPUS_PER_TASK={}", granted);
  }
  if (const ThreadsWish wish = threads_by_environment(); wish.unreadable) {
    layout.warnings.push_back(
        fmt::format("OMP_NUM_THREADS is {:?}, not a whole number from 1 to 65536, so {} {} used "
                    "({}): correct it, or give --threads",
                    wish.text, threads, threads == 1 ? "thread is" : "threads are", why));
  }
  return threads;
}

int asked_threads(const EngineOptions& options, Communicator& communicator, Layout& layout) {
  const Cores cores = cores_of(communicator);
  const int usable = std::max(1, cores.usable / cores.ranks);
  int asked = options.cpu.threads > 0 ? options.cpu.threads : threads_by_environment().threads;
  if (asked == 0) asked = usual_threads(cores, layout);
  if (asked > usable && !options.cpu.oversubscribe) {
    const std::string remedy = communicator.size() > 1 && cores.bound
                                   ? fmt::format(
                                         "the launcher bound each rank to them: with Open MPI, "
                                         "give mpirun --bind-to none or --map-by slot:PE={}",
                                         asked)
                                   : "add --oversubscribe to start all";
    layout.warnings.push_back(fmt::format("{} threads requested, {} used ({}): {}", asked, usable,
                                          in_words(cores), remedy));
    asked = usable;
  }
  if (cores.ranks > cores.usable && !options.cpu.oversubscribe) {
    layout.warnings.push_back(
        fmt::format("{} ranks share {} {}: workers take turns, so this run's times show no speedup",
                    cores.ranks, cores.usable, cores.usable == 1 ? "core" : "cores"));
  }
  if (asked > kMostThreads) {
    layout.warnings.push_back(
        fmt::format("{} threads requested, {} used: more do not help", asked, kMostThreads));
    asked = kMostThreads;
  }
  if (asked > most_workers()) {
    layout.warnings.push_back(
        fmt::format("{} threads asked for, {} used (built without OpenMP, or OMP_THREAD_LIMIT): "
                    "build with CONVOY_OPENMP=ON, or raise the limit",
                    asked, most_workers()));
    asked = most_workers();
  }
  return asked;
}

// The least number of threads on any rank: a worker group with members on all ranks needs the same
// number on each.
int least_on_any_rank(int threads, Communicator& communicator) {
  for (const std::string& other :
       all_gather(communicator, std::to_string(threads), SyncPoint::start)) {
    threads = std::min(threads, std::atoi(other.c_str()));
  }
  return threads;
}

// Sets the number of workers of the memory domain, and the number of those on lower ranks.
void number_workers(Layout& layout, Communicator& communicator) {
  layout.domain_workers = 0;
  const auto workers = all_gather(communicator, std::to_string(layout.workers), SyncPoint::start);
  const Range domain = domain_ranks(communicator);
  for (Index r = domain.begin; r < domain.end; ++r) {
    if (r == communicator.rank()) layout.first_domain_worker = layout.domain_workers;
    layout.domain_workers += std::atoi(workers[static_cast<std::size_t>(r)].c_str());
  }
}

// The reference code takes hundreds of times as long, so a warning says so at the start.
void warn_of_reference(const EngineOptions& options, Layout& layout) {
  if (options.cpu.isa != "auto" || backends().size() > 1) return;
#if defined(__x86_64__)
  constexpr const char* kWhy = "this processor has neither AVX2 with FMA nor AVX-512";
  constexpr const char* kRemedy = "run it on one that has, or let the virtual machine offer them";
#else
  constexpr const char* kWhy = "this build has no vector instructions for this processor";
  constexpr const char* kRemedy = "run it on x86-64 with AVX2 or on 64-bit Arm";
#endif
  layout.warnings.push_back(
      fmt::format("the plain reference code computes, some hundred times slower than vector "
                  "instructions would ({}): {}; --isa reference says that it is meant",
                  kWhy, kRemedy));
}

void warn_of_idle(const EngineOptions& options, Layout& layout, const Communicator& communicator,
                  int asked, Index grains) {
  const Index of_rank = (grains + communicator.size() - 1) / communicator.size();
  const std::string why = fmt::format("a batch of {} is {} grain{} of {}", options.batch, grains,
                                      grains == 1 ? "" : "s", options.grain);
  if (options.ranks_by == Parallelism::data && communicator.size() > grains) {
    const Index idle = communicator.size() - grains;
    layout.warnings.push_back(
        fmt::format("{} of {} ranks {} ({}): use a larger --batch, a smaller --grain, fewer ranks, "
                    "or --ranks-by tensor",
                    idle, communicator.size(),
                    idle == 1 ? "has no grain and idles" : "have no grain and idle", why));
  } else if (layout.groups < asked && options.cpu.threads_by == Parallelism::data) {
    const std::string share =
        of_rank < grains ? fmt::format("{}, {} for this rank", why, of_rank) : why;
    const int idle = asked - layout.groups;
    layout.warnings.push_back(fmt::format(
        "{} of {} threads {} not started ({}): use a larger --batch, a smaller "
        "--grain, or --threads-by tensor",
        idle, asked, idle == 1 ? "has no grain and is" : "have no grain and are", share));
  }
}

}  // namespace

Layout choose_layout(const EngineOptions& options, const Plan& plan, Communicator& communicator) {
  Layout layout;
  warn_of_reference(options, layout);
  const bool tensor_ranks = options.ranks_by == Parallelism::tensor && communicator.size() > 1;
  const Index grains = (options.batch + options.grain - 1) / options.grain;
  const Index of_rank =
      tensor_ranks ? grains : (grains + communicator.size() - 1) / communicator.size();
  int asked = asked_threads(options, communicator, layout);
  if (tensor_ranks) asked = least_on_any_rank(asked, communicator);
  if (options.cpu.threads_by == Parallelism::tensor) {
    layout.members.local = asked;
  } else {
    layout.groups = static_cast<int>(std::min<Index>(asked, of_rank));
    warn_of_idle(options, layout, communicator, asked, grains);
  }
  layout.members.all = layout.members.local;
  if (tensor_ranks) {
    layout.members.all = layout.members.local * communicator.size();
    layout.members.first = layout.members.local * communicator.rank();
    layout.members.one_memory = communicator.domains().size() == 1;
  }
  // What a phase touches, on average over the phases.
  const Index floats =
      plan.workspace_floats() + plan.kept_floats() / static_cast<Index>(plan.phases().size());
  const Index sample_bytes = std::max<Index>(floats, 1) * static_cast<Index>(sizeof(float)) +
                             plan.workspace_argmaxes() * static_cast<Index>(sizeof(Argmax));
  const Index microbatch_bytes =
      layout.members.all > 1 ? kGroupMicrobatchBytes : kThreadMicrobatchBytes;
  layout.share.grain = options.grain;
  layout.share.grains = (of_rank + layout.groups - 1) / layout.groups;
  layout.share.microbatch_grains =
      std::clamp<Index>(microbatch_bytes / (sample_bytes * options.grain), 1, layout.share.grains);
  layout.workers = layout.groups * layout.members.local;
  number_workers(layout, communicator);
  layout.spins = spins_for(layout.domain_workers, usable_cores(worker_cores()));
  return layout;
}

Fusion choose_fusion(const EngineOptions& options, const Backend& backend) {
  const bool shared =
      options.cpu.threads_by == Parallelism::tensor || options.ranks_by == Parallelism::tensor;
  return options.cpu.fuse && backend.block_forward && !shared ? Fusion::layers : Fusion::none;
}

}  // namespace convoy
