// SPDX-License-Identifier: Apache-2.0
#include "report/progress.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include "base/safe_text.hpp"
#include "report/metrics.hpp"

namespace convoy {
namespace {

constexpr int kWidestBar = 40;
// Also the unit of the bar's width, so that it does not change with every digit.
constexpr int kNarrowestBar = 10;

bool can_redraw(int descriptor) {
  const char* terminal = std::getenv("TERM");
  return isatty(descriptor) == 1 && terminal != nullptr && *terminal != '\0' &&
         std::string_view(terminal) != "dumb";
}

std::string bar(double fraction, int cells) {
  const int full = static_cast<int>(fraction * cells);
  std::string text(static_cast<std::size_t>(cells), ' ');
  std::fill_n(text.begin(), full, '=');
  if (full < cells) text[static_cast<std::size_t>(full)] = '>';
  return "[" + text + "]";
}

}  // namespace

std::string progress_bar(const Progress& progress, int width) {
  const double fraction = progress.steps_per_epoch > 0
                              ? std::clamp(static_cast<double>(progress.step) /
                                               static_cast<double>(progress.steps_per_epoch),
                                           0.0, 1.0)
                              : 0.0;
  const std::string head = fmt::format("epoch {}/{}", progress.epoch, progress.epochs);
  // The most important part comes first: the last ones are dropped if the line is too short.
  std::vector<std::string> parts{
      fmt::format("  {:3.0f} %", 100 * fraction),
      fmt::format("  loss {:.4f}", progress.loss),
      fmt::format("  ETA {}", as_clock(progress.seconds_left)),
      fmt::format("  {} images/s", with_commas(rounded(progress.images_per_second))),
      fmt::format("  step {}/{}", progress.step, progress.steps_per_epoch),
  };
  auto length = [&] {
    std::size_t sum = head.size();
    for (const std::string& part : parts) sum += part.size();
    return static_cast<int>(sum);
  };
  constexpr int kAround = 4;  // two spaces and two brackets
  while (!parts.empty() && length() + kNarrowestBar + kAround > width) parts.pop_back();

  std::string line = head;
  if (const int room = width - length() - kAround; room >= kNarrowestBar) {
    line += "  " + bar(fraction, std::min(room / kNarrowestBar * kNarrowestBar, kWidestBar));
  }
  // The order on the line: step and speed come before the time left.
  static constexpr std::size_t kOrder[] = {0, 4, 1, 3, 2};
  for (const std::size_t part : kOrder) {
    if (part < parts.size()) line += parts[part];
  }
  return line.substr(0, static_cast<std::size_t>(std::max(width, 0)));
}

ProgressReport::ProgressReport(int descriptor, ProgressStyle style, Index epochs)
    : descriptor_(descriptor), style_(style) {
  last_.epochs = epochs;
  if (style_ == ProgressStyle::automatic) {
    style_ = can_redraw(descriptor) ? ProgressStyle::live : ProgressStyle::plain;
  }
}

ProgressReport::~ProgressReport() {
  clear_bar();
}

void ProgressReport::progress(const Progress& progress) {
  last_ = progress;
  if (style_ == ProgressStyle::quiet) return;
  if (style_ == ProgressStyle::plain) {
    // The end of an epoch has a line of its own.
    if (progress.step == progress.steps_per_epoch || since_output_.seconds() < kPlainSeconds)
      return;
    since_output_.restart();
    write(as_line(progress) + "\n");
    return;
  }
  const bool epoch_done = progress.step == progress.steps_per_epoch;
  if (!nothing_yet_ && !epoch_done && since_output_.seconds() < kRedrawSeconds) return;
  if (in_background()) return;  // the terminal belongs to another command of the shell
  since_output_.restart();
  nothing_yet_ = false;
  // One column stays free, because some terminals wrap after a full last column. The rest of the
  // line is erased after the text is written, so that the line does not flicker.
  write("\r" + progress_bar(progress, width() - 1) + "\033[K");
  bar_drawn_ = true;
}

void ProgressReport::epoch(const EpochMetrics& metrics) {
  if (style_ == ProgressStyle::quiet) return;
  line(as_line(metrics, std::max(last_.epochs, metrics.epoch)));
  since_output_.restart();
}

void ProgressReport::warning(const std::string& text) {
  if (style_ == ProgressStyle::quiet) return;
  clear_bar();
  write(fmt::format("convoy: warning: {}\n", printable_message(text)));
}

void ProgressReport::line(std::string_view text) {
  lines(printable(text));
}

void ProgressReport::lines(std::string_view text) {
  if (style_ == ProgressStyle::quiet) return;
  clear_bar();
  write(printable_lines(text) + "\n");
}

void ProgressReport::clear_bar() {
  if (!bar_drawn_) return;
  write("\r\033[K");
  bar_drawn_ = false;
}

void ProgressReport::write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (written < 0 && errno == EAGAIN) {  // another process made the terminal non-blocking
      pollfd wait{descriptor_, POLLOUT, 0};
      if (poll(&wait, 1, 100) <= 0) return;
    } else if (written == 0 || errno != EINTR) {
      return;
    }
  }
}

int ProgressReport::width() const {
  winsize size{};
  if (ioctl(descriptor_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

bool ProgressReport::in_background() const {
  const pid_t foreground = tcgetpgrp(descriptor_);
  return foreground > 0 && foreground != getpgrp();
}

}  // namespace convoy
