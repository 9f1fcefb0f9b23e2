// SPDX-License-Identifier: Apache-2.0
// The timeline of a run as a file for people: the trace event format of Chrome, which Perfetto
// (ui.perfetto.dev) and chrome://tracing open.
#pragma once

#include "cli/output.hpp"
#include "internal.hpp"

namespace convoy::app {

// How many events of each worker a trace holds.
inline constexpr Index kTraceEvents = Index{1} << 20;

// One process a rank, one row a worker. `alive` is called every so often: many events take seconds
// to write.
void write_trace(const Timings& timings, const TextSink& write, const std::function<void()>& alive);

}  // namespace convoy::app
