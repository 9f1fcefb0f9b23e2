// SPDX-License-Identifier: Apache-2.0
// The report of training runs: curves of all runs, then the mistakes of each. The same runs and
// test data give the same bytes.
#pragma once

#include <span>
#include <string>

#include "commands/run_record.hpp"

namespace convoy::app {

std::string run_report(std::span<const RunRecord> runs);

}  // namespace convoy::app
