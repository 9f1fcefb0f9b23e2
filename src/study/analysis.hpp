// SPDX-License-Identifier: Apache-2.0
// What the runs of a study come to, and what makes a figure of it a lie. A speedup is one of the
// same computation: where digests differ it is withheld, not printed with a caveat. (Weak scaling
// trains another model on every layout: its scaled speedup compares images a second, nothing else.)
//
//   serial            the best layout 1x1 in the study that came to the same weights: the
//   experiment's
//                     own, unless another's was faster beyond doubt
//   speedup S(p)      strong: T(1) / T(p), T = seconds of all training steps of a run
//                     weak:   t(1) / t(p), t = seconds an image (scaled speedup, Gustafson)
//   efficiency        S(p) / p, p = ranks x threads
//   time to accuracy  training seconds until the end of the first epoch whose test accuracy reaches
//                     the target; of layouts that trained differently, too
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "study/record.hpp"
#include "study/statistics.hpp"

namespace convoy::study {

// What is doubtful about the figures of a layout.
struct Flag {
  std::string text;        // "4 workers on 2 cores: they take turns"
  std::string common;      // the same without what differs between layouts; empty: `text`
  std::string detail;      // that; empty: nothing that the layout's name does not say
  bool of_serial = false;  // of the serial runs that it is compared with
};

struct LayoutResult {
  Grid grid;
  std::vector<const RunRecord*> runs;  // of rounds 1, 2, ...
  Estimate epoch_seconds, step_seconds, images_per_second;
  bool withheld = false;                       // no figure compares this layout with the serial one
  Estimate speedup, efficiency, serial_share;  // serial_share: Karp and Flatt's; weak:
                                               // Gustafson's; NaN where it is none from 0 to 1
  Estimate share_of_peak;       // of as many threads as have cores, or of the GPUs; NaN: not known
  bool reaches_target = false;  // in every run
  Estimate target_seconds, target_speedup;
  double accuracy = 0, loss = 0;  // after the last epoch of the first run
  std::int64_t batch = 0;
  TimeShares shares;  // parts of the time of steps, averaged over the runs; other: the rest
  double bytes_per_step = 0;
  std::optional<Estimate> launches_per_step;  // on a GPU
  double busy_cores = 0;               // of others, before or while it ran: the most of all runs
  std::int64_t peak_memory_bytes = 0;  // the most of all runs
  std::vector<Flag> flags;
};

// The kernels of a layer, or of the whole net, and how near they come to the GPU's limits (NaN: not
// known).
struct KernelUse {
  double launches = 0;       // of a step
  std::int64_t threads = 0;  // of the largest
  double share_of_peak = 0, share_of_bandwidth = 0;
};

// A layer with its activation, alone.
struct LayerResult {
  std::string name, type;  // "conv1", "conv2d"; of the whole net "whole net", ""
  struct AtLayout {
    const LayoutResult* layout = nullptr;
    Estimate forward, backward, both;  // seconds of a step
    Estimate speedup, efficiency;      // of both; not where the layout's are withheld
    std::optional<KernelUse> kernels;  // on a GPU
  };
  std::vector<AtLayout> layouts;
};

// Whether its runs were on GPUs.
inline bool on_gpu(const LayoutResult& layout) {
  return layout.launches_per_step.has_value();
}

struct ExperimentResult {
  const Experiment* experiment = nullptr;
  std::vector<LayoutResult> layouts;  // as in the experiment
  std::string serial;                 // the experiment that has the serial layout
  double target_accuracy = 0;
  Estimate serial_fraction;  // Amdahl's (strong) or Gustafson's (weak): points within the cores;
                             // NaN where what fits best is no fraction from 0 to 1
  std::vector<int> fitted;   // numbers of workers, above 1, of these points
  std::vector<LayerResult> layers;  // where the experiment asks for them
};

struct Results {
  Places places;
  std::vector<ExperimentResult> experiments;
  std::vector<std::string> flags;  // of the whole study
};

// `study` must outlive the result, which is not to be copied: it points into itself. Layouts
// without a run yet have no figures and a flag.
Results analyse(const Study& study);

// The runs of one layout and those of another of the same round, in order.
struct Pair {
  const RunRecord* of_first;
  const RunRecord* of_second;
};
std::vector<Pair> paired(const LayoutResult& first, const LayoutResult& second);

}  // namespace convoy::study
