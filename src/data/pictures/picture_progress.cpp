// SPDX-License-Identifier: Apache-2.0
#include "data/pictures/picture_progress.hpp"

#include <fmt/format.h>

#include "base/check.hpp"

namespace convoy {

void PictureProgress::at(std::size_t done) {
  constexpr double kSeconds = 0.1;
  const auto count = static_cast<Index>(done);
  if (options_.stop != nullptr && options_.stop->load()) {
    throw UserError(Fault::stopped, "stopped while pictures were read",
                    fmt::format("{} of {} are done", count, total_),
                    "start again; nothing was saved");
  }
  const bool completes = count == total_ && !is_complete_;
  if (!options_.progress || (since_report_.seconds() < kSeconds && !completes)) return;
  is_complete_ = count == total_;
  since_report_.restart();
  options_.progress({count, total_, since_start_.seconds()});
}

}  // namespace convoy
