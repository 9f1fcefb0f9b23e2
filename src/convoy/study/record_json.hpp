// SPDX-License-Identifier: Apache-2.0
// Parts of a record as JSON, which study.json has from the documents of convoy train. (Internal to
// study/.)
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "convoy/base/check.hpp"
#include "convoy/study/record.hpp"

namespace convoy::study {

TimeShares shares_of(const nlohmann::json& j);
EpochRecord epoch_of(const nlohmann::json& j);
std::optional<KernelRecord> kernels_of(const nlohmann::json& stage);  // none: of a CPU

struct KernelPart {
  const char* name;
  std::int64_t KernelRecord::*value;
};
inline constexpr KernelPart kKernelParts[] = {{"launches", &KernelRecord::launches},
                                              {"blocks", &KernelRecord::blocks},
                                              {"threads", &KernelRecord::threads},
                                              {"flops", &KernelRecord::flops},
                                              {"bytes", &KernelRecord::bytes}};

// `read` of JSON that may hold anything.
template <class Read>
auto reading(const Read& read) {
  try {
    return read();
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(error.what());
  } catch (const UserError& error) {
    throw std::invalid_argument(error.what());
  }
}

}  // namespace convoy::study
