// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/rank_statistics.hpp"

#include <algorithm>

namespace convoy::cuda {

RankStatistics::RankStatistics(gpu::Gpu& gpu, Communicator& communicator,
                               const EngineOptions& options, const Plan& plan)
    : gpu_(gpu),
      communicator_(communicator),
      plan_(plan),
      statistics_(communicator, options, plan, 1) {
  if (plan.reductions().empty()) return;
  now_ = Buffer<float>(plan.net().arena_size());
  next_ = Buffer<float>(plan.net().arena_size());
}

void RankStatistics::read_values(Index reduction, const GrainList& list, Range grains,
                                 const DeviceProgram& program) {
  const StatisticsReduction& r = program.reduction(static_cast<int>(reduction));
  Index subtrees = 0;
  tree::cover(grains, list.count(), r.group_grains, [&](const tree::Subtree&) { ++subtrees; });
  if (subtrees == 0) return;
  program.subtree_statistics().read_from(gpu_, r.subtrees, statistics_.values(reduction),
                                         subtrees * 2 * r.channels);
}

void RankStatistics::after_reduction(int number, const GrainList& list, Range grains,
                                     DeviceProgram& program, DeviceModel& model) {
  const auto phase = std::ranges::find_if(plan_.phases(), [&](const Phase& p) {
    return p.reductions.begin <= number && number < p.reductions.end;
  });
  if (number + 1 < phase->reductions.end) return;
  for (Index r = phase->reductions.begin; r < phase->reductions.end; ++r) {
    read_values(r, list, grains, program);
  }
  if (phase->reductions.begin == 0) model.read_parameters(now_.data());
  gpu_.wait([this] { communicator_.heartbeat(); });
  statistics_.finish(*phase, list, now_.data(), next_.data());
  // Also those of phases to come, which write them again.
  model.write_next_buffers(next_.data());
  program.coefficients().write(gpu_, statistics_.coefficients(), program.coefficients().size());
  gpu_.wait();
}

}  // namespace convoy::cuda
