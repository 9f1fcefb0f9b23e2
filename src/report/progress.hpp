// SPDX-License-Identifier: Apache-2.0
// Shows the progress of a run: on a terminal a bar that is redrawn in place, elsewhere plain lines.
// Text is made safe for a terminal (base/safe_text.hpp). The report writes to a file descriptor
// (the program's is stderr); what cannot be written is dropped, because a missing reader is no
// reason to end a run.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "convoy/observer.hpp"

namespace convoy {

// One line of at most `width` characters: epoch, bar, steps, loss, images/s, time left. Parts that
// do not fit are left out, the least important first.
std::string progress_bar(const Progress& progress, int width);

enum class ProgressStyle {
  automatic,  // live on a terminal that can redraw a line, else plain
  live,
  plain,
  quiet,  // prints nothing
};

class ProgressReport final : public Observer {
 public:
  // `epochs` is the number of epochs of the whole run; a Progress also reports it.
  explicit ProgressReport(int descriptor = 2, ProgressStyle style = ProgressStyle::automatic,
                          Index epochs = 0);
  ~ProgressReport() override;  // leaves no half-drawn bar
  ProgressReport(const ProgressReport&) = delete;
  ProgressReport& operator=(const ProgressReport&) = delete;

  void progress(const Progress& progress) override;
  void epoch(const EpochMetrics& metrics) override;
  void warning(const std::string& text) override;

  // Prints one or more lines from the program itself above the bar.
  void line(std::string_view text);
  void lines(std::string_view text);

  bool live() const { return style_ == ProgressStyle::live; }
  const Progress& last() const { return last_; }  // the last reported progress

  // Seconds between two drawings of the bar, and between two plain lines inside an epoch.
  static constexpr double kRedrawSeconds = 0.1;
  static constexpr double kPlainSeconds = 10;

 private:
  void clear_bar();
  void write(std::string_view text) const;
  int width() const;
  bool in_background() const;

  int descriptor_;
  ProgressStyle style_;
  bool bar_drawn_ = false;
  Progress last_;
  Stopwatch since_output_;
  bool nothing_yet_ = true;
};

}  // namespace convoy
