// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "cli/help.hpp"

namespace convoy::app {
namespace {

// An option that has no effect on the chosen device.
struct Idle {
  bool given;
  const char* name;
  const char* why;
};

void refuse_idle(std::string_view device, std::span<const Idle> options, std::string_view remedy) {
  for (const Idle& option : options) {
    if (!option.given) continue;
    throw UserError(Fault::usage, fmt::format("{} with --device {}", option.name, device),
                    option.why, remedy);
  }
}

void check_cpu(const Layout& layout) {
  constexpr const char* kWhy = "it sets how steps are launched on a GPU";
  const Idle options[] = {{layout.launch != "auto", "--launch", kWhy},
                          {layout.steps_per_launch != 0, "--steps-per-launch", kWhy}};
  refuse_idle("cpu", options, "leave it out, or add --device cuda");
}

void check_cuda(const Layout& layout) {
  const Idle options[] = {
      {layout.threads != 0, "--threads", "it sets the number of CPU threads"},
      {layout.threads_by != "data", "--threads-by tensor", "it splits work between CPU threads"},
      {layout.isa != "auto", "--isa", "it selects CPU instructions"},
      {layout.no_fusion, "--no-fusion", "on a GPU every layer is already a separate stage"}};
  refuse_idle("cuda", options, "leave one of them out");
  if (layout.steps_per_launch != 0 && layout.launch == "stages") {
    throw UserError(Fault::usage, "--steps-per-launch with --launch stages",
                    "with 'stages', every stage is launched separately", "leave one of them out");
  }
  if (cuda_library().empty()) {
    throw UserError(Fault::unavailable, "--device cuda is not available",
                    "this program was built without CUDA",
                    "use --device cpu, or a build with CUDA (docs/install.md)");
  }
  if (cuda_devices().empty()) {
    throw UserError(Fault::unavailable, "--device cuda is not available",
                    "this machine has no GPU, or no driver for it", "use --device cpu");
  }
}

// Checks in addition to those of the engine, which would come after the ranks are started.
void check_cuda_ranks(const Layout& layout, const RanksLayout& ranks) {
  if (ranks.ranks_by == "tensor") {
    throw UserError(Fault::usage, "--ranks-by tensor with --device cuda",
                    "GPUs support only data parallel training", "leave one of them out");
  }
  const std::string option = many_steps_option(layout);
  if (option.empty() || ranks.ranks < 2) return;
  throw UserError(Fault::usage, fmt::format("{} with --ranks {}", option, ranks.ranks),
                  "several ranks exchange gradients after every step", "leave one of them out");
}

Launching launching_of(const Layout& layout) {
  for (const Launching launching : {Launching::stages, Launching::graph, Launching::persistent}) {
    if (to_string(launching) == layout.launch) return launching;
  }
  return Launching::automatic;
}

void check_isa(const Layout& layout) {
  const std::vector<std::string> isas = available_isas();
  if (layout.isa == "auto" || std::ranges::find(isas, layout.isa) != isas.end()) return;
  throw UserError(Fault::unavailable, fmt::format("--isa {} is not available", layout.isa),
                  "this machine or build does not support it",
                  fmt::format("use one of auto, {}", fmt::join(isas, ", ")));
}

}  // namespace

void add_layout(CLI::App& command, Layout& layout, const LayoutHelp& help) {
  command
      .add_option("--threads", layout.threads,
                  "Number of threads; default: OMP_NUM_THREADS, else the cores that this process "
                  "may use (in a Slurm job without CPU binding, at most SLURM_CPUS_PER_TASK)")
      ->check(whole_number(1))
      ->type_name("N")
      ->group(help.group);
  command
      .add_option("--threads-by", layout.threads_by,
                  "Split work between threads by 'data' (each thread has its own grains of the "
                  "batch) or by 'tensor' (each computes a part of every operation's output)")
      ->check(one_of({"data", "tensor"}))
      ->type_name("data|tensor")
      ->capture_default_str()
      ->group(help.group);
  command
      .add_flag("--oversubscribe", layout.oversubscribe,
                fmt::format("Allow more {} than usable cores", help.workers))
      ->group(help.group);
  command
      .add_option("--isa", layout.isa,
                  "Vector instructions to use: auto, reference (plain code), or one of those that "
                  "'convoy info' lists")
      ->check(one_of({"auto", "reference", "avx2", "avx512", "neon", "sve"}))
      ->type_name("NAME")
      ->capture_default_str()
      ->group(help.group);
  command
      .add_option(
          "--device", layout.device,
          fmt::format("Device to compute on: the CPU or {}; both give the same weights", help.gpus))
      ->check(one_of({"cpu", "cuda"}))
      ->type_name("cpu|cuda")
      ->capture_default_str()
      ->group(help.group);
}

void add_launching(CLI::App& command, Layout& layout, const LayoutHelp& help) {
  command
      .add_option(
          "--launch", layout.launch,
          fmt::format("How steps are launched on a GPU: one launch per stage ('stages'), a CUDA "
                      "graph of one step ('graph'), or one kernel that runs many steps "
                      "('persistent'). auto: {}",
                      help.launch))
      ->check(one_of({"auto", "stages", "graph", "persistent"}))
      ->type_name("auto|stages|graph|persistent")
      ->capture_default_str()
      ->group(help.group);
  command
      .add_option("--steps-per-launch", layout.steps_per_launch,
                  fmt::format("Steps per GPU launch; 0: {}", help.steps_per_launch))
      ->check(whole_number(0))
      ->type_name("N")
      ->capture_default_str()
      ->group(help.group);
}

std::string many_steps_option(const Layout& layout) {
  if (layout.steps_per_launch != 0) return "--steps-per-launch";
  const bool one = layout.launch == "auto" || layout.launch == "stages";
  return one ? "" : "--launch " + layout.launch;
}

void add_ranks(CLI::App& command, RanksLayout& layout, const LayoutHelp& help) {
  auto add = [&](const char* name, auto& value, const char* text) {
    return command.add_option(name, value, text)->group(help.group);
  };
  auto add_choice = [&](const char* name, std::string& value, std::vector<std::string> words,
                        const char* text) {
    add(name, value, text)
        ->type_name(fmt::format("{}", fmt::join(words, "|")))
        ->capture_default_str()
        ->check(one_of(std::move(words)));
  };
  CLI::Option* ranks =
      add("--ranks", layout.ranks,
          "Start N processes on this machine with MPI and supervise them; default: 1, or as many "
          "as mpirun or srun started")
          ->check(whole_number(1))
          ->type_name("N");
  add("--hosts", layout.hosts,
      "Start the processes on these machines, including this one; at most N on each (without :N, "
      "one). mpirun reaches them by ssh. Program, data and run folder must have the same paths on "
      "all of them")
      ->needs(ranks)
      ->check(readable([](const std::string& text) { slots_of_hosts(text); },
                       "HOST:N,HOST:N with N from 1 up"))
      ->type_name("HOST:N,...");
  add_choice("--ranks-by", layout.ranks_by, {"data", "tensor"},
             "Split work between ranks by 'data' or by 'tensor', as --threads-by does for threads");
  add_choice(
      "--reduction", layout.reduction, {"tree", "root", "fast"},
      "How the ranks' gradients are summed: along the reduction tree ('tree'), along the same tree "
      "on rank 0 ('root'), or by the MPI library ('fast'), whose result depends on the layout");
  add_choice("--exchange", layout.exchange, {"auto", "window", "messages"},
             "How ranks on one machine exchange data: through shared memory ('window') or by MPI "
             "messages ('messages')");
  add("--verify-every", layout.verify_every,
      "Compare the ranks' weights every N steps; 0: only at checkpoints")
      ->check(whole_number(0))
      ->type_name("N")
      ->capture_default_str();
  const auto add_seconds = [&](const char* name, double& value, const char* text) {
    add(name, value, text)
        ->check(CLI::Validator(
            [](const std::string& given) {
              double seconds = 0;
              return CLI::detail::lexical_cast(given, seconds) && seconds >= 1 && seconds <= 1e6
                         ? std::string()
                         : given + " is not a number from 1 to 1000000";
            },
            ""))
        ->type_name("SECONDS")
        ->capture_default_str();
  };
  add_seconds("--stall-timeout", layout.stall_timeout,
              "End the job if a rank does not respond for this long");
  add_seconds("--start-timeout", layout.start_timeout,
              "End the job if MPI takes longer than this to start or to end the ranks");
}

EngineOptions engine_options(const Layout& layout, const TrainSettings& settings) {
  const bool cuda = layout.device == "cuda";
  if (cuda) {
    check_cuda(layout);
  } else {
    check_cpu(layout);
  }
  check_isa(layout);
  EngineOptions options;
  options.device = cuda ? Device::cuda : Device::cpu;
  options.gpu.launching = launching_of(layout);
  options.gpu.steps_per_launch = layout.steps_per_launch;
  options.cpu.fuse = !layout.no_fusion;
  options.cpu.threads = layout.threads;
  options.cpu.threads_by = layout.threads_by == "tensor" ? Parallelism::tensor : Parallelism::data;
  options.cpu.oversubscribe = layout.oversubscribe;
  options.cpu.isa = layout.isa;
  options.batch = settings.batch;
  options.grain = settings.grain;
  return options;
}

EngineOptions engine_options(const Layout& layout, const RanksLayout& ranks,
                             const TrainSettings& settings) {
  if (layout.device == "cuda") check_cuda_ranks(layout, ranks);
  EngineOptions options = engine_options(layout, settings);
  if (ranks.ranks_by == "tensor" && ranks.reduction != "tree") {
    throw UserError(
        Fault::usage,
        fmt::format("--reduction {} and --ranks-by tensor contradict each other", ranks.reduction),
        "tensor-parallel ranks do not sum gradients", "leave one of them out");
  }
  options.ranks_by = ranks.ranks_by == "tensor" ? Parallelism::tensor : Parallelism::data;
  options.reduction = ranks.reduction == "fast"   ? Reduction::fast
                      : ranks.reduction == "root" ? Reduction::root
                                                  : Reduction::tree;
  return options;
}

RanksOptions ranks_options(const RanksLayout& layout) {
  using Memory = RanksOptions::Memory;
  const bool fast = layout.reduction == "fast";
  if (fast && layout.exchange == "window") {
    throw UserError(Fault::usage, "--reduction fast and --exchange window contradict each other",
                    "the MPI library sums private memory, not shared memory",
                    "leave one of them out");
  }
  RanksOptions options;
  options.memory = layout.exchange == "window"             ? Memory::window
                   : fast || layout.exchange == "messages" ? Memory::messages
                                                           : Memory::automatic;
  options.one_domain = layout.ranks_by == "tensor";
  options.stall_timeout = layout.stall_timeout;
  return options;
}

}  // namespace convoy::app
