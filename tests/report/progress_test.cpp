// SPDX-License-Identifier: Apache-2.0
// The progress that a person sees, on a terminal of any width and in a file.
#include "report/progress.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <random>

#include "report/metrics.hpp"

namespace convoy {
namespace {

Progress random_progress(std::mt19937& dice) {
  auto number = [&](double most) { return std::uniform_real_distribution<>(0, most)(dice); };
  Progress progress;
  progress.epochs = static_cast<Index>(number(1000)) + 1;
  progress.epoch = static_cast<Index>(number(static_cast<double>(progress.epochs))) + 1;
  progress.steps_per_epoch = static_cast<Index>(number(1e6)) + 1;
  progress.step = static_cast<Index>(number(static_cast<double>(progress.steps_per_epoch)));
  progress.loss = number(3);
  progress.images_per_second = number(1e7);
  progress.seconds_left = number(1e5);
  return progress;
}

TEST(ProgressBar, FitsAnyWidth) {
  std::mt19937 dice(1);
  for (int round = 0; round < 2000; ++round) {
    const Progress progress = random_progress(dice);
    const int width = static_cast<int>(dice() % 200);
    const std::string line = progress_bar(progress, width);
    EXPECT_LE(line.size(), static_cast<std::size_t>(width));
    EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }));
    if (width >= 120) {
      for (const char* part : {"epoch ", "step ", "images/s", "loss ", "ETA ", "["}) {
        EXPECT_NE(line.find(part), std::string::npos) << line;
      }
    }
    if (width >= 20) {
      EXPECT_TRUE(line.starts_with("epoch ")) << line;
    }
  }
}

TEST(ProgressBar, GrowsWithTheEpochAndIsFullAtItsEnd) {
  Progress progress;
  progress.epoch = progress.epochs = 1;
  progress.steps_per_epoch = 977;
  std::ptrdiff_t before = -1;
  for (Index step = 0; step <= 977; step += 1) {
    progress.step = step;
    const std::string line = progress_bar(progress, 100);
    const std::ptrdiff_t full = std::count(line.begin(), line.end(), '=');
    EXPECT_GE(full, before);
    EXPECT_EQ(line.find('>') == std::string::npos, step == 977) << line;
    before = full;
  }
}

TEST(ProgressBar, SurvivesWhatIsNotANumber) {
  Progress progress;
  for (const double odd :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), -1.0}) {
    progress.loss = progress.images_per_second = progress.seconds_left = odd;
    EXPECT_LE(progress_bar(progress, 80).size(), 80u);
    EXPECT_FALSE(as_line(progress).empty());
  }
}

// The text on a terminal after all output was written to it.
std::vector<std::string> screen(const std::string& written) {
  std::vector<std::string> lines(1);
  std::size_t column = 0;
  for (std::size_t i = 0; i < written.size(); ++i) {
    std::string& line = lines.back();
    if (written[i] == '\r') {
      column = 0;
    } else if (written[i] == '\n') {
      lines.emplace_back();
      column = 0;
    } else if (written.compare(i, 3, "\033[K") == 0) {
      line.resize(std::min(column, line.size()));
      i += 2;
    } else {
      line.resize(std::max(line.size(), column + 1), ' ');
      line[column++] = written[i];
    }
  }
  return lines;
}

EpochMetrics metrics_of(Index epoch) {
  EpochMetrics metrics;
  metrics.epoch = epoch;
  metrics.train_loss = 0.5;
  metrics.test_accuracy = 0.875;
  metrics.seconds = 0.25;
  metrics.images_per_second = 240000;
  return metrics;
}

TEST(Metrics, WithoutTestImagesNoTestIsTold) {
  EpochMetrics metrics = metrics_of(1);
  EXPECT_NE(as_line(metrics, 2).find("test 87.50 %"), std::string::npos);
  metrics.test_loss = metrics.test_accuracy = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(as_line(metrics, 2).find("test"), std::string::npos) << as_line(metrics, 2);
}

// Two epochs, told to `report`.
void tell(ProgressReport& report) {
  report.line("begin");
  for (Index epoch = 1; epoch <= 2; ++epoch) {
    for (Index step = 0; step <= 100; step += 10) {
      Progress progress;
      progress.epoch = epoch;
      progress.epochs = 2;
      progress.step = step;
      progress.steps_per_epoch = 100;
      report.progress(progress);
    }
    report.warning("odd");
    report.epoch(metrics_of(epoch));
  }
  Progress unfinished;
  unfinished.steps_per_epoch = unfinished.step = 7;
  report.progress(unfinished);
}

class Pair {
 public:
  explicit Pair(bool terminal) {
    if (terminal) {
      winsize size{};
      size.ws_row = 24;
      size.ws_col = 60;
      if (openpty(&ends_[0], &ends_[1], nullptr, nullptr, &size) != 0) return;
      termios mode{};
      tcgetattr(ends_[1], &mode);
      cfmakeraw(&mode);  // '\n' stays '\n'
      tcsetattr(ends_[1], TCSANOW, &mode);
    } else if (pipe(ends_) != 0) {
      return;
    }
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~Pair() {
    close(ends_[0]);
    close(ends_[1]);
  }
  bool good() const { return ends_[1] >= 0; }
  int writer() const { return ends_[1]; }
  std::string written() const {
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = read(ends_[0], buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  int ends_[2] = {-1, -1};
};

const std::vector<std::string> kLasting{"begin",
                                        "convoy: warning: odd",
                                        as_line(metrics_of(1), 2),
                                        "convoy: warning: odd",
                                        as_line(metrics_of(2), 2),
                                        ""};

TEST(ProgressReport, LeavesWholeLinesAloneOnATerminal) {
  const Pair terminal(true);
  if (!terminal.good()) GTEST_SKIP() << "no pseudo-terminals here";
  {
    ProgressReport report(terminal.writer(), ProgressStyle::live);
    tell(report);
  }
  const std::string written = terminal.written();
  EXPECT_NE(written.find("[="), std::string::npos) << "no bar was drawn";
  EXPECT_EQ(screen(written), kLasting);
  EXPECT_EQ(written.find("\033[3"), std::string::npos) << "no colours";
}

TEST(ProgressReport, ChoosesByWhatItWritesTo) {
  setenv("TERM", "xterm", 1);
  const Pair terminal(true), file(false);
  EXPECT_FALSE(ProgressReport(file.writer()).live());
  if (!terminal.good()) GTEST_SKIP() << "no pseudo-terminals here";
  EXPECT_TRUE(ProgressReport(terminal.writer()).live());
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(ProgressReport(terminal.writer()).live());
}

TEST(ProgressReport, PlainLinesHaveNoControlCharacters) {
  const Pair file(false);
  {
    ProgressReport report(file.writer());
    tell(report);
  }
  EXPECT_EQ(screen(file.written()), kLasting);
}

// A run may continue behind the last step of an epoch, so that no progress comes before its end.
TEST(ProgressReport, AnEpochThatOnlyEndsHasTheRunsNumberOfEpochs) {
  const Pair file(false);
  ProgressReport report(file.writer(), ProgressStyle::plain, 10);
  EpochMetrics metrics;
  metrics.epoch = 2;
  report.epoch(metrics);
  EXPECT_NE(file.written().find("epoch 2/10"), std::string::npos);
}

TEST(ProgressReport, QuietSaysNothing) {
  const Pair file(false);
  {
    ProgressReport report(file.writer(), ProgressStyle::quiet);
    tell(report);
  }
  EXPECT_EQ(file.written(), "");
}

TEST(ProgressReport, ClosedDescriptorIsNoError) {
  ProgressReport report(-1, ProgressStyle::live);
  tell(report);
}

}  // namespace
}  // namespace convoy
