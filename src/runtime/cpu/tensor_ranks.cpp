// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/tensor_ranks.hpp"

#include <cstring>

namespace convoy {
namespace {

// The largest output of a stage, in bytes per sample, including the argmaxes of a max pool.
Index largest_output(const Plan& plan) {
  Index largest = 0;
  for (const Stage& stage : plan.stages()) {
    if (stage.kind == StageKind::weight_gradient || stage.kind == StageKind::loss ||
        has_reduction(stage.kind)) {
      continue;
    }
    const bool argmaxes = stage.kind == StageKind::forward && plan.argmax(stage.layer) != kNowhere;
    const std::size_t bytes = sizeof(float) + (argmaxes ? sizeof(Argmax) : 0);
    largest = std::max(largest, unit_layout(plan, stage, 1).total * static_cast<Index>(bytes));
  }
  return largest;
}

}  // namespace

TensorRanks::TensorRanks(const Plan& plan, const GroupMembers& members, Communicator& communicator,
                         Barrier& barrier, Index most_samples, int groups)
    : plan_(plan),
      members_(members),
      communicator_(communicator),
      barrier_(barrier),
      outputs_(static_cast<std::size_t>(groups)) {
  if (members_.one_memory) return;
  buffers_.resize(static_cast<std::size_t>(communicator.size()));
  const Index most = largest_output(plan) * most_samples * groups;
  for (auto& buffer : buffers_) buffer.reserve(static_cast<std::size_t>(most));
  out_.reserve(buffers_.size());
  in_.reserve(buffers_.size());
}

// Calls copy(memory, bytes) for each span that `rank` writes in this stage, one worker group after
// the other; for a max pool also for the argmaxes.
template <class Copy>
void TensorRanks::for_each_span(const Stage& stage, int rank, const Copy& copy) {
  const Offset argmax = stage.kind == StageKind::forward ? plan_.argmax(stage.layer) : kNowhere;
  for (const GroupOutput& output : outputs_) {
    if (output.samples == 0) continue;
    const Workspace& workspace = output.workspace;
    const Range units = members_.part_of_rank(stage_units(plan_, stage, output.samples), rank);
    stage_spans(plan_, stage, output.samples, units, [&](Index begin, Index size) {
      const auto elements = static_cast<std::size_t>(size);
      copy(workspace.at(stage_output(stage)) + begin, elements * sizeof(float));
      if (argmax == kNowhere) return;
      copy(workspace.argmaxes(argmax, stage.y.size) + begin, elements * sizeof(Argmax));
    });
  }
}

void TensorRanks::after(const Stage* stage) {
  if (members_.one_memory) return communicator_.barrier(SyncPoint::stage);
  if (stage == nullptr) return;
  const int me = communicator_.rank();
  out_.clear();
  in_.clear();
  for (int r = 0; r < communicator_.size(); ++r) {
    std::size_t size = 0;
    for_each_span(*stage, r, [&](const void*, std::size_t bytes) { size += bytes; });
    buffer(r).resize(size);
  }
  std::byte* to = buffer(me).data();
  for_each_span(*stage, me, [&](const void* memory, std::size_t bytes) {
    std::memcpy(to, memory, bytes);
    to += bytes;
  });
  for (int r = 0; r < communicator_.size(); ++r) {
    if (r == me) continue;
    if (!buffer(me).empty()) out_.push_back({r, buffer(me)});
    if (!buffer(r).empty()) in_.push_back({r, buffer(r)});
  }
  communicator_.exchange(out_, in_, SyncPoint::stage);
  for (int r = 0; r < communicator_.size(); ++r) {
    if (r == me) continue;
    const std::byte* from = buffer(r).data();
    for_each_span(*stage, r, [&](void* memory, std::size_t bytes) {
      std::memcpy(memory, from, bytes);
      from += bytes;
    });
  }
}

}  // namespace convoy
