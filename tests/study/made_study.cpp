// SPDX-License-Identifier: Apache-2.0
#include "tests/study/made_study.hpp"

#include <string>

namespace convoy::test {

study::Study made_study(const std::vector<study::Grid>& layouts, int cores, int repeats,
                        const std::function<double(const study::Grid&, int round)>& seconds,
                        study::Scaling scaling) {
  study::Study made;
  made.version = "0.0";
  made.date = "2026-01-02T03:04:05Z";
  made.plan.name = "made";
  made.plan.repeats = repeats;
  study::Experiment& experiment = made.plan.experiments.emplace_back();
  experiment.name = "by data";
  experiment.scaling = scaling;
  experiment.layouts = layouts;
  experiment.batch = 32;
  made.machine.facts = {"a processor", cores, cores, 1 << 30, "a system", "a compiler"};
  made.flops_per_sample = 1000;
  made.layers = {{"conv1", "conv2d"}, {"conv1.relu", "relu"}, {"dense1", "dense"}};
  for (std::size_t l = 0; l < layouts.size(); ++l) {
    made.commands.push_back({"convoy", "train", "tiny-relu"});
    for (int round = 1; round <= repeats; ++round) {
      study::RunRecord run;
      run.layout = l;
      run.round = round;
      run.samples = 960;
      run.ranks = layouts[l].ranks;
      run.threads = layouts[l].threads;
      run.working = layouts[l].workers();
      run.cpu = made.machine.facts.cpu;
      const bool weak = scaling == study::Scaling::weak;
      run.batch = 32 * (weak ? layouts[l].workers() : 1);
      run.steps = 2 * run.samples / run.batch;
      run.train_seconds = seconds(layouts[l], round);
      run.process_seconds = run.train_seconds + 1;
      run.isa = "avx512";
      run.weights_sha256 = std::string(64, weak ? static_cast<char>('a' + l) : 'a');
      run.epochs = {{0.9, 0.8, 0.7, run.train_seconds / 2}, {0.5, 0.4, 0.9, run.train_seconds / 2}};
      run.profile_seconds = run.train_seconds;
      run.shares.compute = 0.7 * run.train_seconds;
      run.shares.waiting = 0.2 * run.train_seconds;
      run.layers = {{"conv1", "forward", 0.3 * run.train_seconds},
                    {"conv1.relu", "forward", 0.1 * run.train_seconds},
                    {"dense1", "forward", 0.1 * run.train_seconds},
                    {"dense1", "weight gradient", 0.1 * run.train_seconds},
                    {"conv1", "weight gradient", 0.2 * run.train_seconds}};
      made.runs.push_back(run);
    }
  }
  return made;
}

study::Study made_gpu_study(const std::vector<study::Grid>& layouts, int gpus) {
  study::Study made =
      made_study(layouts, 2, 3, [](const study::Grid& grid, int) { return 1.2 / grid.workers(); });
  made.plan.device = "cuda";
  made.plan.experiments[0].per_layer = true;
  made.machine.gpus.assign(static_cast<std::size_t>(gpus), "a GPU");
  made.machine.cuda = "CUDA 13.0";
  made.peaks = {{1, 1e12, 1e11}};
  for (study::RunRecord& run : made.runs) {
    run.isa = "sm_90 (a GPU)";
    run.launches_per_step = 7;
    for (study::LayerRecord& layer : run.layers) layer.kernels = {1, 4, 512, 0, 1000};
    run.layers[0].kernels = {2, 8, 1024, 3'000'000'000, 400'000'000};
  }
  return made;
}

}  // namespace convoy::test
