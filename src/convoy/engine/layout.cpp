// SPDX-License-Identifier: Apache-2.0
#include "convoy/engine/layout.hpp"

#include <fmt/format.h>

#include "convoy/base/machine.hpp"
#include "convoy/engine/team.hpp"

namespace convoy {
namespace {

// A slab of a team cut by tensor holds as many grains as this much memory takes: few meetings, and
// no more memory for a larger batch.
constexpr Index kSlabBytes = Index{32} << 20;

// Far above any machine; each thread takes memory of its own.
constexpr int kMostThreads = 4096;

int asked_threads(const EngineOptions& options, Layout& layout) {
  const int usable = usable_cores();
  const int from_environment = std::max(0, threads_by_environment());
  int asked = options.threads > 0 ? options.threads : from_environment;
  if (asked == 0) asked = usable;
  if (asked > usable && !options.oversubscribe) {
    layout.warnings.push_back(
        fmt::format("{} threads asked for, {} used (this process may use {} cores): "
                    "--oversubscribe starts them all",
                    asked, usable, usable));
    asked = usable;
  }
  if (asked > kMostThreads) {
    layout.warnings.push_back(
        fmt::format("{} threads asked for, {} used: more help nowhere", asked, kMostThreads));
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

}  // namespace

Layout choose_layout(const EngineOptions& options, const Plan& plan) {
  Layout layout;
  const Index grains = (options.batch + options.grain - 1) / options.grain;
  const int asked = asked_threads(options, layout);
  if (options.threads_by == Cut::tensor) {
    layout.members = asked;
    const Index sample_bytes = plan.workspace_floats() * static_cast<Index>(sizeof(float)) +
                               plan.workspace_choices() * static_cast<Index>(sizeof(Choice));
    layout.slab_grains = std::clamp<Index>(kSlabBytes / (sample_bytes * options.grain), 1, grains);
  } else {
    layout.teams = static_cast<int>(std::min<Index>(asked, grains));
    if (layout.teams < asked) {
      layout.warnings.push_back(
          fmt::format("{} of {} threads would idle and are not started (a batch of {} is {} grains "
                      "of {}): use a larger --batch, a smaller --grain, or --threads-by tensor",
                      asked - layout.teams, asked, options.batch, grains, options.grain));
    }
  }
  layout.workers = layout.teams * layout.members;
  return layout;
}

}  // namespace convoy
