// SPDX-License-Identifier: Apache-2.0
// The parts of a record as JSON that study.json copies from the documents of convoy train.
// (Internal to study/.) The functions that read throw std::invalid_argument for any unexpected
// content.
#pragma once

#include <optional>

#include "study/record.hpp"
#include "train/strict_json.hpp"

namespace convoy::study {

TimeShares shares_of(const nlohmann::json& j);
EpochRecord epoch_of(const nlohmann::json& j);
std::optional<KernelRecord> kernels_of(const nlohmann::json& stage);  // empty: of a CPU

struct KernelPart {
  const char* name;
  std::int64_t KernelRecord::*value;
};
inline constexpr std::int64_t kMostWorkers = 1 << 20;  // the limit of a layout
inline constexpr KernelPart kKernelParts[] = {{"launches", &KernelRecord::launches},
                                              {"blocks", &KernelRecord::blocks},
                                              {"threads", &KernelRecord::threads},
                                              {"flops", &KernelRecord::flops},
                                              {"bytes", &KernelRecord::bytes}};

}  // namespace convoy::study
