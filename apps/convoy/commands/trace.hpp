// SPDX-License-Identifier: Apache-2.0
// The timeline of a run as a file for people, in the trace event format of Chrome, which Perfetto
// (ui.perfetto.dev) and chrome://tracing open.
#pragma once

#include "cli/output.hpp"
#include "internal.hpp"

namespace convoy::app {

// The most events per worker in a trace.
inline constexpr Index kTraceEvents = Index{1} << 20;

// Each rank is a process of the trace, and each worker a track. `alive` is called from time to
// time, because writing many events takes seconds.
void write_trace(const Timings& timings, const TextSink& write, const std::function<void()>& alive);

}  // namespace convoy::app
