// SPDX-License-Identifier: Apache-2.0
// What convoy train prints: the run before it begins, how it ended, and the JSON document.
#pragma once

#include <string>

#include "cli/options.hpp"
#include "cli/output.hpp"
#include "commands/run_choice.hpp"
#include "internal.hpp"
#include "report/progress.hpp"

namespace convoy::app {

// The document of --json (docs/schemas/train.schema.json), without timings.
Json train_json(const TrainResult& result, const Run& run, const RunTrainer& trainer,
                const std::string& data_name, const Engine& engine,
                const Communicator& communicator, const TrainOptions& options);

// Names the model, the data and the layout, and warns of what the user may not expect.
void announce(ProgressReport& report, const Run& run, const RunTrainer& trainer,
              const TrainAndTest& data, const Engine& engine, const Communicator& communicator,
              const TrainOptions& options);

// Says how the run ended and what to do next. Returns the exit code.
int conclude(ProgressReport& report, const Run& run, const TrainAndTest& data,
             const TrainResult& result);

}  // namespace convoy::app
