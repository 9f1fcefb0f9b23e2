// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/stage_clock.hpp"

#include <cmath>

namespace convoy::cuda {

StageClock::StageClock(gpu::Gpu& gpu, Timeline& timeline, std::size_t codes) : timeline_(timeline) {
  for (std::size_t i = 0; i <= codes; ++i) moments_.push_back(gpu.make_moment());
}

void StageClock::begin(Index step) {
  track().step(step);
  moments_.front()->take();
}

void StageClock::end(const std::vector<Code>& codes) {
  const double scale = timeline_.scale().seconds_per_tick();
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const double seconds = moments_[i + 1]->seconds_since(*moments_[i]);
    const std::int32_t what = codes[i].stage == Code::kFillsInput ? number_of(TimeKind::input)
                              : codes[i].stage == Code::kUpdates  ? number_of(TimeKind::update)
                                                                  : kTimeKinds + codes[i].stage;
    track().advance(what, static_cast<std::int64_t>(std::llround(seconds / scale)));
  }
  track().record(TimeKind::waiting);
}

}  // namespace convoy::cuda
