// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/device_program.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "runtime/cuda/choices.hpp"
#include "runtime/cuda/kernels.cuh"

namespace convoy::cuda {
namespace {

constexpr Index kFloat = sizeof(float);
// With one sample per step and at most this many parameters, one block updates them all in less
// time than a barrier between blocks takes.
constexpr Index kParametersOfABlock = 8192;

unsigned threads_of_stage(const gpu::Gpu& gpu) {
  return static_cast<unsigned>(gpu.facts().threads_per_block) / 2;
}

Index resident_threads(gpu::Gpu& gpu) {
  const unsigned threads = threads_of_stage(gpu);
  return Index{gpu.resident_blocks(run_code_kernel, threads, 0)} * threads;
}

Work work_of_block(const gpu::Gpu& gpu, Index grain) {
  return {1, grain, gpu.facts().threads_per_block};
}

template <class T>
Index shared_of(const std::vector<T>& values) {
  return static_cast<Index>(shared_size(values.size() * sizeof(T)));
}

}  // namespace

Index DeviceProgram::shared_bytes(const Compiled& compiled) {
  return static_cast<Index>(shared_size(sizeof(BlockState))) + shared_of(compiled.tasks) +
         shared_of(compiled.codes) + shared_of(compiled.sources) + compiled.workspace * kFloat;
}

bool DeviceProgram::fits(const gpu::Gpu& gpu, const Plan& plan, Index grain) {
  if (plan.phases().size() > 1) return false;  // a block has a sample at a time, not the batch
  const Compiled compiled = compile(plan, work_of_block(gpu, grain), Division::sample, 1);
  return shared_bytes(compiled) <= gpu.facts().shared_bytes;
}

DeviceProgram::DeviceProgram(gpu::Gpu& gpu, const Shared& shared, Index samples, Division division,
                             Use use, Index batch, Index subtrees)
    : gpu_(gpu),
      shared_(shared),
      resident_threads_(resident_threads(gpu)),
      work_(division == Division::sample ? work_of_block(gpu, shared.grain)
                                         : Work{samples, shared.grain, resident_threads_}),
      compiled_(compile(*shared.plan, work_, division, batch,
                        use == Use::training ? shared.optimizer : nullptr, subtrees > 0)),
      launched_(compiled_.codes) {
  check_count(work_.samples, compiled_.largest);
  const Net& net = shared.plan->net();
  const bool by_sample = division == Division::sample;
  const Index apart = by_sample ? samples : 1;
  codes_ = {gpu, compiled_.codes, "the program"};
  update_codes_ = {gpu, compiled_.update_codes, "the program"};
  if (subtrees == 0) {
    launched_.insert(launched_.end(), compiled_.update_codes.begin(), compiled_.update_codes.end());
  }
  tasks_ = {gpu, compiled_.tasks, "the program"};
  sources_ = {gpu, compiled_.sources, "the program"};
  one_ = {gpu, std::vector<float>{1.0F}, "the program"};
  if (!by_sample) workspace_ = {gpu, compiled_.workspace * samples, "the activations of a batch"};
  if (use == Use::training) {
    partials_ = {gpu, compiled_.partials * apart, "the partial sums of weight gradients"};
    kept_ = {gpu, compiled_.kept * apart, "the inputs of dense layers"};
    subtree_sums_ = {gpu, subtrees * net.arena_size(), "the gradients"};
    if (!compiled_.reductions.empty()) allocate_statistics(batch, subtrees > 0);
  }
  losses_ = {gpu, samples, "the losses"};
  predictions_ = {gpu, samples, "the predictions"};
  hits_ = {gpu, samples, "the predictions"};
  probabilities_ = {gpu, samples * net.loss().classes, "the probabilities"};

  Program program;
  program.codes = codes_.data(), program.code_count = static_cast<int>(codes_.size());
  program.update_codes = update_codes_.data();
  program.update_code_count = static_cast<int>(update_codes_.size());
  program.tasks = tasks_.data(), program.task_count = static_cast<int>(tasks_.size());
  program.sources = sources_.data(), program.source_count = static_cast<int>(sources_.size());
  program.reductions = reductions_.data();
  program.set_samples = static_cast<int>(shared.plan->group_samples());
  program.set_size = static_cast<int>(shared.plan->coefficients_size());
  program.statistics = {statistics_.data(), subtree_statistics_.data(),
                        forward_coefficients_.data(), coefficients_.data(),
                        reduced_gradients_.data()};
  program.ends = compiled_.ends;
  program.loss = net.loss();
  program.optimizer = lower(shared.optimizer->optimizer);
  program.grain = static_cast<int>(shared.grain);
  program.memories.of(Memory::workspace) = workspace_.data();
  program.memories.of(Memory::partials) = partials_.data();
  program.memories.of(Memory::kept) = kept_.data();
  program.memories.of(Memory::one) = one_.data();
  program.sample_partials = compiled_.partials, program.sample_kept = compiled_.kept;
  std::copy_n(shared.generations, 2, program.generations);
  program.subtree_sums = subtrees > 0 ? subtree_sums_.data() : nullptr;
  if (update_codes_.size() > 0) program.whole = make_whole_gradient();
  program.arena = net.arena_size();
  program.results = {losses_.data(), predictions_.data(), hits_.data(), probabilities_.data()};
  program_ = {gpu, std::vector<Program>{program}, "the program"};
  if (by_sample) choose_steps_size(samples);
}

// `several_ranks`: the values of this rank's subtrees go to the host.
void DeviceProgram::allocate_statistics(Index batch, bool several_ranks) {
  const std::string_view what = "the statistics of batch normalisations";
  const Index set = shared_.plan->group_samples();
  const Index sets = set == 0 ? 1 : (batch + set - 1) / set;
  reductions_ = {gpu_, compiled_.reductions, "the program"};
  statistics_ = {gpu_, compiled_.statistics_values, what};
  if (several_ranks) subtree_statistics_ = {gpu_, compiled_.statistics_subtrees, what};
  forward_coefficients_ = {gpu_, compiled_.forward_coefficients, what};
  coefficients_ = {gpu_, sets * shared_.plan->coefficients_size(), what};
  reduced_gradients_ = {gpu_, shared_.plan->net().arena_size(), what};
}

WholeGradient DeviceProgram::make_whole_gradient() {
  const Net& net = shared_.plan->net();
  const NetOptimizer& optimizer = *shared_.optimizer;
  const auto tensors = static_cast<Index>(2 * net.parameter_blocks().size());
  WholeGradient whole;
  gradient_ = {gpu_, net.arena_size(), "the gradients"};
  whole.gradient = gradient_.data();
  if (optimizer.needs_whole_gradient()) {
    row_squares_ = {gpu_, compiled_.rows, "the norms"};
    tensor_squares_ = {gpu_, tensors, "the norms"};
    whole.row_squares = row_squares_.data();
    whole.tensor_squares = tensor_squares_.data();
  }
  if (optimizer.needs_norms()) {
    tensor_factors_ = {gpu_, tensors, "the norms"};
    whole.tensor_factors = tensor_factors_.data();
  }
  whole.tensors = static_cast<int>(tensors);
  whole.norms = optimizer.norm_settings();
  if (optimizer.needs_whole_matrices()) {
    for (int i = 0; i < 2; ++i) {
      iterations_[i] = {gpu_, net.arena_size(), "the iterations of Muon"};
      whole.x[i] = iterations_[i].data();
    }
    gram_ = {gpu_, compiled_.gram, "the iterations of Muon"};
    polynomial_ = {gpu_, compiled_.gram, "the iterations of Muon"};
    whole.gram = gram_.data();
    whole.polynomial = polynomial_.data();
  }
  return whole;
}

// Chooses the number of blocks of run_steps_kernel: as many as have a sample, or parameters to
// update, at a time.
void DeviceProgram::choose_steps_size(Index samples) {
  const Index threads = gpu_.facts().threads_per_block;
  const Index bytes = shared_bytes(compiled_), parameters = shared_.plan->net().parameter_count();
  steps_size_.threads = static_cast<unsigned>(threads);
  steps_size_.shared_bytes = static_cast<std::size_t>(bytes);
  steps_size_.cooperative = true;
  const Index resident =
      gpu_.resident_blocks(run_steps_kernel, steps_size_.threads, steps_size_.shared_bytes);
  CONVOY_ASSERT(resident > 0);
  const bool alone = samples == 1 && parameters <= kParametersOfABlock;
  const Index useful = alone ? 1 : std::max(samples, (parameters + threads - 1) / threads);
  steps_size_.blocks = static_cast<unsigned>(std::clamp<Index>(useful, 1, resident));
}

gpu::GridSize DeviceProgram::grid_for(Index threads) const {
  const unsigned block = threads_of_stage(gpu_);
  gpu::GridSize size;
  size.threads = block;
  size.blocks =
      static_cast<unsigned>((std::clamp<Index>(threads, 1, resident_threads_) + block - 1) / block);
  return size;
}

// The number of items of a code, elements or tiles, of which a thread takes one at a time.
Index DeviceProgram::items(const Code& code) const {
  const Net& net = shared_.plan->net();
  const auto of_task = [&](const auto& task) -> Index {
    using T = std::decay_t<decltype(task)>;
    if constexpr (std::is_same_v<T, Product>) {
      return tile_count(task, work_.samples, work_.grain) * task.lanes();
    } else if constexpr (std::is_same_v<T, Pass>) {
      const Operand& written = task.kind == PassKind::forward          ? task.y
                               : task.kind == PassKind::input_gradient ? task.dx
                                                                       : task.partials;
      return work_.samples * written.stride;
    } else if constexpr (std::is_same_v<T, GrainStatistics>) {
      return (work_.samples + work_.grain - 1) / work_.grain * task.op.channels;
    } else if constexpr (std::is_same_v<T, Border>) {
      return work_.samples * task.to.stride;
    } else {
      return work_.samples * task.size;
    }
  };
  switch (code.kind) {
    case CodeKind::fill:
      return work_.samples * net.input().size();
    case CodeKind::task:
      return std::visit(of_task, compiled_.tasks[static_cast<std::size_t>(code.index)]);
    case CodeKind::loss_terms:
    case CodeKind::loss_gradient:
      return work_.samples * net.loss().classes;
    case CodeKind::loss_largest:
    case CodeKind::loss_totals:
    case CodeKind::loss_sum:
      return work_.samples;
    case CodeKind::reduction:
      return compiled_.reductions[static_cast<std::size_t>(code.index)].channels;
    case CodeKind::sum:
      return compiled_.sources[static_cast<std::size_t>(code.index)].size();
    case CodeKind::row_squares:
      return compiled_.rows;
    case CodeKind::tensor_squares:
    case CodeKind::tensor_factors:
      return 2 * static_cast<Index>(net.parameter_blocks().size());
    default:
      return net.arena_size();
  }
}

const Code& DeviceProgram::code(int number) const {
  const auto i = static_cast<std::size_t>(number);
  const std::size_t own = compiled_.codes.size();
  return i < own ? compiled_.codes[i] : compiled_.update_codes[i - own];
}

gpu::GridSize DeviceProgram::size_of(int number) const {
  return grid_for(items(code(number)));
}

void DeviceProgram::launch_code(int code, Run* run) {
  gpu_.launch(run_code_kernel, size_of(code), program_.data(), run, code);
}

void DeviceProgram::launch_finish(Run* run) {
  gpu_.launch(finish_step_kernel, {}, program_.data(), run, gpu::Condition{}, 0);
}

Index DeviceProgram::launch_update(Run* run) {
  const auto first = static_cast<int>(compiled_.codes.size());
  const auto count = static_cast<int>(compiled_.update_codes.size());
  for (int i = first; i < first + count; ++i) launch_code(i, run);
  return count;
}

void DeviceProgram::launch_steps(Run* run) {
  gpu_.launch(run_steps_kernel, steps_size_, program_.data(), run);
}

std::unique_ptr<gpu::Gpu::Loop> DeviceProgram::make_loop(Run* run) {
  // CUDA loads a kernel at its first use, which must not happen during the capture of a graph.
  gpu_.resident_blocks(finish_step_kernel, 1, 0);
  return gpu_.make_loop([this, run](gpu::Condition again) {
    for (int code = 0; code < static_cast<int>(launched_.size()); ++code) {
      launch_code(code, run);
    }
    gpu_.launch(finish_step_kernel, {}, program_.data(), run, again, 1);
  });
}

}  // namespace convoy::cuda
