// SPDX-License-Identifier: Apache-2.0
// What a user reads when a signal asks a run to stop.
#include "supervision/signals.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <string>

namespace convoy::app {
namespace {

std::string said_after(int signal, bool trains, bool quiet = false) {
  StopSignals signals(quiet);
  if (trains) signals.training_begins();
  testing::internal::CaptureStderr();
  ::raise(signal);
  EXPECT_TRUE(signals.requested()->load());
  return testing::internal::GetCapturedStderr();
}

TEST(StopSignals, TellWhetherThereWillBeACheckpoint) {
  const std::string again = " (press Ctrl-C again to stop at once)\n";
  const std::string saved = "convoy: stopping after this step, with a checkpoint";
  const std::string none = "convoy: stopping; nothing was saved yet";
  EXPECT_EQ(said_after(SIGINT, true), saved + again);
  EXPECT_EQ(said_after(SIGTERM, true), saved + "\n");
  EXPECT_EQ(said_after(SIGINT, false), none + again);
  EXPECT_EQ(said_after(SIGTERM, false), none + "\n") << "a training before does not count";
  EXPECT_EQ(said_after(SIGTERM, false, true), "");
}

}  // namespace
}  // namespace convoy::app
