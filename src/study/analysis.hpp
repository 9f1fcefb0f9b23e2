// SPDX-License-Identifier: Apache-2.0
// The results of a study, and what makes them doubtful. A speedup compares runs of the same
// computation: where digests differ it is withheld, not printed with a caveat. (Weak scaling trains
// another model on every layout: its scaled speedup compares images per second, and nothing else.)
//
//   serial            the best layout 1x1 in the study that reached the same weights: the
//                     experiment's own, unless another experiment's was clearly faster
//   speedup S(p)      strong: T(1) / T(p), T = seconds of all training steps of a run
//                     weak:   t(1) / t(p), t = seconds per image (scaled speedup, Gustafson)
//   efficiency        S(p) / p, p = ranks x threads
//   time to accuracy  training seconds until the end of the first epoch whose test accuracy reaches
//                     the target; also for layouts whose weights differ
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "study/record.hpp"
#include "study/statistics.hpp"

namespace convoy::study {

// A reason why the figures of a layout are doubtful.
struct Flag {
  std::string text;              // for example "4 workers on 2 cores, so workers take turns"
  std::string common;            // the same without what differs between layouts; empty: `text`
  std::string detail;            // what differs; empty if the layout's name already says it
  bool is_about_serial = false;  // concerns the serial runs that the layout is compared with
};

struct LayoutResult {
  Grid grid;
  std::vector<const RunRecord*> runs;  // in the order of rounds: 1, 2, ...
  Estimate epoch_seconds, step_seconds, images_per_second;
  bool withheld = false;                       // no figure compares this layout with the serial one
  Estimate speedup, efficiency, serial_share;  // serial_share: Karp and Flatt's; weak:
                                               // Gustafson's; NaN if not from 0 to 1
  Estimate share_of_peak;  // of the cores that the threads can use, or of the GPUs; NaN: not known
  bool reaches_target = false;  // true if every run reaches it
  Estimate target_seconds, target_speedup;
  double accuracy = 0,
         loss = 0;  // after the last epoch of the first run; accuracy: NaN if not tested
  std::int64_t batch = 0;
  TimeShares shares;  // parts of the steps' time, averaged over the runs; other: the rest
  double bytes_per_step = 0;
  std::optional<Estimate> launches_per_step;  // on a GPU
  double busy_cores = 0;  // used by other programs before or during a run: the most of all runs
  std::int64_t peak_memory_bytes = 0;  // the most of all runs
  std::vector<Flag> flags;
};

// The kernels of a layer, or of the whole net, and what share of the GPU's limits they reach (NaN:
// not known).
struct KernelUse {
  double launches = 0;       // of a step
  std::int64_t threads = 0;  // of the largest kernel
  double share_of_peak = 0, share_of_bandwidth = 0;
};

// A layer with its activation, measured on its own.
struct LayerResult {
  std::string name, type;  // "conv1", "conv2d"; for the whole net "whole net", ""
  struct AtLayout {
    const LayoutResult* layout = nullptr;
    Estimate forward, backward, both;  // seconds of a step
    Estimate speedup, efficiency;      // of `both`; not set where the layout's are withheld
    std::optional<KernelUse> kernels;  // on a GPU
  };
  std::vector<AtLayout> layouts;
};

// Whether the layout's runs were on GPUs.
inline bool on_gpu(const LayoutResult& layout) {
  return layout.launches_per_step.has_value();
}

struct ExperimentResult {
  const Experiment* experiment = nullptr;
  std::vector<LayoutResult> layouts;  // in the experiment's order
  std::string serial;                 // name of the experiment that has the serial layout
  double target_accuracy = 0;         // NaN if nothing was tested and the plan names none
  Estimate serial_fraction;  // Amdahl's (strong) or Gustafson's (weak), fitted to the points within
                             // the cores; NaN if the best fit is not from 0 to 1
  std::vector<int> fitted;   // the numbers of workers, above 1, of these points
  std::vector<LayerResult> layers;  // if the experiment asks for them
};

struct Results {
  Capacity capacity;
  std::vector<ExperimentResult> experiments;
  std::vector<std::string> flags;  // those of the whole study
};

// `study` must outlive the result. Do not copy the result: it points into itself. Layouts without a
// run have no figures, and a flag.
Results analyse(const Study& study);

// A run of one layout and the run of another in the same round; paired() lists them by round.
struct Pair {
  const RunRecord* of_first;
  const RunRecord* of_second;
};
std::vector<Pair> paired(const LayoutResult& first, const LayoutResult& second);

}  // namespace convoy::study
