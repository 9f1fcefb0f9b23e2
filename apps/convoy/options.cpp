// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "help.hpp"

namespace convoy::app {

void add_layout(CLI::App& command, Layout& layout) {
  command
      .add_option("--threads", layout.threads,
                  "Threads; default: OMP_NUM_THREADS, else the cores that this process may use")
      ->check(whole_number(1))
      ->type_name("N")
      ->group(kLayoutGroup);
  command
      .add_option("--threads-by", layout.threads_by,
                  "Cut the work among threads by 'data' (each has its own grains) or by 'tensor' "
                  "(each has a part of every operation's output)")
      ->check(one_of({"data", "tensor"}))
      ->type_name("data|tensor")
      ->capture_default_str()
      ->group(kLayoutGroup);
  command.add_flag("--oversubscribe", layout.oversubscribe, "Allow more threads than usable cores")
      ->group(kLayoutGroup);
  command
      .add_option("--isa", layout.isa,
                  "Vector instructions: auto, reference (the plain code), or one of those that "
                  "'convoy info' lists")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(kLayoutGroup);
  command.add_option("--device", layout.device, "What computes")
      ->check(one_of({"cpu", "cuda"}))
      ->type_name("cpu|cuda")
      ->capture_default_str()
      ->group(kLayoutGroup);
}

EngineOptions engine_options(const Layout& layout, const TrainSettings& settings) {
  if (layout.device == "cuda") {
    throw UserError(Fault::unavailable, "--device cuda is not available",
                    "this program was built without CUDA", "use --device cpu");
  }
  if (const std::vector<std::string> isas = available_isas();
      layout.isa != "auto" && std::find(isas.begin(), isas.end(), layout.isa) == isas.end()) {
    static constexpr std::string_view kKnown[] = {"avx2", "avx512", "neon", "sve"};
    const bool known =
        std::find(std::begin(kKnown), std::end(kKnown), layout.isa) != std::end(kKnown);
    throw UserError(known ? Fault::unavailable : Fault::usage,
                    fmt::format("--isa {} is not available", layout.isa),
                    "this machine or build does not have it",
                    fmt::format("use one of auto, {}", fmt::join(isas, ", ")));
  }
  EngineOptions options;
  options.threads = layout.threads;
  options.threads_by = layout.threads_by == "tensor" ? Cut::tensor : Cut::data;
  options.oversubscribe = layout.oversubscribe;
  options.isa = layout.isa;
  options.batch = settings.batch;
  options.grain = settings.grain;
  return options;
}

std::string to_string(const Shape& shape) {
  return fmt::format("{} x {} x {}", shape.height, shape.width, shape.channels);
}

}  // namespace convoy::app
