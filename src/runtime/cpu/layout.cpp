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
#include "runtime/cpu/team.hpp"

namespace convoy {
namespace {

// A slab holds as many grains as this much memory takes. Of one thread: what stays in its
// second-level cache, so that dense layers see many samples at once. Of a team whose members meet
// after every stage: few meetings, and no more memory for a larger batch.
constexpr Index kThreadSlabBytes = Index{1} << 20;
constexpr Index kTeamSlabBytes = Index{32} << 20;

// Far above any machine; each thread takes memory of its own.
constexpr int kMostThreads = 4096;

std::set<int> numbers_in(const std::string& text) {
  std::set<int> numbers;
  std::istringstream in(text);
  for (int number = 0; in >> number;) numbers.insert(number);
  return numbers;
}

// The cores that this process may use, and with how many ranks of this machine it shares them.
struct Cores {
  int usable = 1;
  int ranks = 1;       // that share them, this one included
  bool bound = false;  // to a part of the machine's
};

Cores cores_of(Communicator& communicator) {
  const CoreSet mask = worker_cores();
  Cores cores{usable_cores(mask), 1, mask.count() > 0 && mask.count() < online_cores()};
  if (communicator.size() == 1) return cores;
  const auto masks =
      all_gather(communicator, fmt::format("{}", fmt::join(mask.numbers(), " ")), Meeting::start);
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

// Where neither an option nor a readable OMP_NUM_THREADS asks for a number.
int usual_threads(const Cores& cores, Layout& layout) {
  int threads = std::max(1, cores.usable / cores.ranks);
  std::string why = in_words(cores);
  if (const int granted = slurm_cpus_per_task(); !cores.bound && granted > 0 && granted < threads) {
    threads = granted;
    why = fmt::format("SLURM_CPUS_PER_TASK={}", granted);
  }
  if (const ThreadsWish wish = threads_by_environment(); wish.unreadable) {
    layout.warnings.push_back(
        fmt::format("OMP_NUM_THREADS is {:?}, which is not a number of threads from 1 to 65536: it "
                    "is ignored, {} {} "
                    "used ({}): set it to a whole number from 1 on, or give --threads",
                    wish.text, threads, threads == 1 ? "thread is" : "threads are", why));
  }
  return threads;
}

int asked_threads(const EngineOptions& options, Communicator& communicator, Layout& layout) {
  const Cores cores = cores_of(communicator);
  const int usable = std::max(1, cores.usable / cores.ranks);
  int asked = options.threads > 0 ? options.threads : threads_by_environment().threads;
  if (asked == 0) asked = usual_threads(cores, layout);
  if (asked > usable && !options.oversubscribe) {
    const std::string remedy =
        communicator.size() > 1 && cores.bound
            ? fmt::format(
                  "the launcher bound each rank to them: with Open MPI give mpirun "
                  "--bind-to none, or --map-by slot:PE={}",
                  asked)
            : "--oversubscribe starts them all";
    layout.warnings.push_back(fmt::format("{} threads asked for, {} used ({}): {}", asked, usable,
                                          in_words(cores), remedy));
    asked = usable;
  }
  if (cores.ranks > cores.usable && !options.oversubscribe) {
    layout.warnings.push_back(
        fmt::format("{} ranks share {} {}: they take turns, and no figure of this run is a speedup",
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

// Members of a team on all ranks need as many threads on each.
int least_on_any_rank(int threads, Communicator& communicator) {
  for (const std::string& other :
       all_gather(communicator, std::to_string(threads), Meeting::start)) {
    threads = std::min(threads, std::atoi(other.c_str()));
  }
  return threads;
}

// How many workers a node has, and how many of them are on lower ranks.
void number_workers(Layout& layout, Communicator& communicator) {
  layout.node_workers = 0;
  const auto workers = all_gather(communicator, std::to_string(layout.workers), Meeting::start);
  const Range node = node_ranks(communicator);
  for (Index r = node.begin; r < node.end; ++r) {
    if (r == communicator.rank()) layout.first_node_worker = layout.node_workers;
    layout.node_workers += std::atoi(workers[static_cast<std::size_t>(r)].c_str());
  }
}

// Everything then takes hundreds of times as long, which a warning should say before the wait does.
void warn_of_reference(const EngineOptions& options, Layout& layout) {
  if (options.isa != "auto" || backends().size() > 1) return;
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
  if (options.ranks_by == Cut::data && communicator.size() > grains) {
    layout.warnings.push_back(
        fmt::format("{} of {} ranks have no grain and idle ({}): use a larger --batch, a smaller "
                    "--grain, fewer ranks, or --ranks-by tensor",
                    communicator.size() - grains, communicator.size(), why));
  } else if (layout.teams < asked && options.threads_by == Cut::data) {
    const std::string share =
        of_rank < grains ? fmt::format("{}, {} for this rank", why, of_rank) : why;
    layout.warnings.push_back(
        fmt::format("{} of {} threads would idle and are not started ({}): use a larger --batch, a "
                    "smaller --grain, or --threads-by tensor",
                    asked - layout.teams, asked, share));
  }
}

}  // namespace

Layout choose_layout(const EngineOptions& options, const Plan& plan, Communicator& communicator) {
  Layout layout;
  warn_of_reference(options, layout);
  const bool tensor_ranks = options.ranks_by == Cut::tensor && communicator.size() > 1;
  const Index grains = (options.batch + options.grain - 1) / options.grain;
  const Index of_rank =
      tensor_ranks ? grains : (grains + communicator.size() - 1) / communicator.size();
  int asked = asked_threads(options, communicator, layout);
  if (tensor_ranks) asked = least_on_any_rank(asked, communicator);
  if (options.threads_by == Cut::tensor) {
    layout.crew.local = asked;
  } else {
    layout.teams = static_cast<int>(std::min<Index>(asked, of_rank));
    warn_of_idle(options, layout, communicator, asked, grains);
  }
  layout.crew.all = layout.crew.local;
  if (tensor_ranks) {
    layout.crew.all = layout.crew.local * communicator.size();
    layout.crew.first = layout.crew.local * communicator.rank();
    layout.crew.one_memory = communicator.nodes().size() == 1;
  }
  const Index sample_bytes = plan.workspace_floats() * static_cast<Index>(sizeof(float)) +
                             plan.workspace_choices() * static_cast<Index>(sizeof(Choice));
  const Index slab_bytes = layout.crew.all > 1 ? kTeamSlabBytes : kThreadSlabBytes;
  layout.share.grain = options.grain;
  layout.share.grains = (of_rank + layout.teams - 1) / layout.teams;
  layout.share.slab_grains =
      std::clamp<Index>(slab_bytes / (sample_bytes * options.grain), 1, layout.share.grains);
  layout.workers = layout.teams * layout.crew.local;
  number_workers(layout, communicator);
  layout.spins = spins_for(layout.node_workers, usable_cores(worker_cores()));
  return layout;
}

Fusion choose_fusion(const EngineOptions& options, const Backend& backend) {
  const bool shared = options.threads_by == Cut::tensor || options.ranks_by == Cut::tensor;
  return options.fuse && backend.block_forward && !shared ? Fusion::conv_blocks : Fusion::none;
}

}  // namespace convoy
