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

void add_ranks(CLI::App& command, RanksLayout& layout) {
  auto add = [&](const char* name, auto& value, const char* text) {
    return command.add_option(name, value, text)->group(kLayoutGroup);
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
          "Start N processes on this machine by MPI and watch over them; default: 1, or as many as "
          "mpirun or srun started")
          ->check(whole_number(1))
          ->type_name("N");
  add("--hosts", layout.hosts,
      "Start them on these machines, this one among them, with so many on each; reached as mpirun "
      "does it (by ssh). Program, data and run folder must be there under the same names")
      ->needs(ranks)
      ->type_name("HOST:N,...");
  add_choice("--ranks-by", layout.ranks_by, {"data", "tensor"},
             "Cut the work among ranks by 'data' or by 'tensor', as --threads-by does");
  add_choice("--reduction", layout.reduction, {"tree", "root", "fast"},
             "Sum gradients of ranks by the tree, by the same tree at rank 0, or by the MPI "
             "library's own sum, whose bits depend on the layout");
  add_choice("--exchange", layout.exchange, {"auto", "window", "messages"},
             "How ranks of a machine talk: by memory they share ('window') or by messages");
  add("--verify-every", layout.verify_every,
      "Compare the ranks' weights every N steps; 0: with every checkpoint only")
      ->check(whole_number(0))
      ->type_name("N")
      ->capture_default_str();
  add("--stall-timeout", layout.stall_timeout,
      "End the job when a rank gives no sign of life for so long")
      ->check(CLI::Validator(
          [](const std::string& text) {
            double value = 0;
            return CLI::detail::lexical_cast(text, value) && value >= 1 && value <= 1e6
                       ? std::string()
                       : text + " is not a number from 1 up to 1000000";
          },
          ""))
      ->type_name("SECONDS")
      ->capture_default_str();
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

EngineOptions engine_options(const Layout& layout, const RanksLayout& ranks,
                             const TrainSettings& settings) {
  EngineOptions options = engine_options(layout, settings);
  if (ranks.ranks_by == "tensor" && ranks.reduction != "tree") {
    throw UserError(
        Fault::usage,
        fmt::format("--reduction {} and --ranks-by tensor contradict each other", ranks.reduction),
        "ranks that are cut by tensor have no sums of their own", "leave one of them out");
  }
  options.ranks_by = ranks.ranks_by == "tensor" ? Cut::tensor : Cut::data;
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
                    "the MPI library sums what each rank has for itself", "leave one of them out");
  }
  RanksOptions options;
  options.memory = layout.exchange == "window"             ? Memory::window
                   : fast || layout.exchange == "messages" ? Memory::messages
                                                           : Memory::automatic;
  options.one_node = layout.ranks_by == "tensor";
  options.stall_timeout = layout.stall_timeout;
  return options;
}

void check_fit(const Net& net, const Dataset& data, std::string_view data_name) {
  if (data.image_shape() != net.input()) {
    throw UserError(Fault::bad_data, fmt::format("{} does not fit model {}", data_name, net.name()),
                    fmt::format("its images are {}, the model reads {}",
                                to_string(data.image_shape()), to_string(net.input())),
                    "choose another data set, or a model made for it");
  }
  if (data.classes() > net.loss().classes) {
    throw UserError(Fault::bad_data, fmt::format("{} does not fit model {}", data_name, net.name()),
                    fmt::format("it has {} classes, the model tells {} apart", data.classes(),
                                net.loss().classes),
                    "choose another data set, or a model made for it");
  }
}

std::string to_string(const Shape& shape) {
  return fmt::format("{} x {} x {}", shape.height, shape.width, shape.channels);
}

}  // namespace convoy::app
