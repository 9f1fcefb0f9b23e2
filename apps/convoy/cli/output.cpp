// SPDX-License-Identifier: Apache-2.0
#include "cli/output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "base/durable_file.hpp"

namespace convoy::app {
namespace {

namespace fs = std::filesystem;

// Returns 0, or the errno of the write that failed.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EAGAIN) {  // another process made the pipe non-blocking
      pollfd wait{descriptor, POLLOUT, 0};
      poll(&wait, 1, -1);
    } else if (written < 0 && errno != EINTR) {
      return errno;
    }
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

// Whether the path is not a regular file: a terminal, /dev/null, a pipe with a reader. (/dev/stdout
// is a link to one that belongs to the process.)
bool is_device(const fs::path& file) {
  std::error_code ignored;
  const std::string name = fs::absolute(file, ignored).lexically_normal().string();
  if (name.starts_with("/dev/std") || name.starts_with("/dev/fd/")) {
    return fs::exists(file, ignored);
  }
  return fs::is_other(fs::symlink_status(file, ignored));
}

FileDescriptor open_device(const fs::path& file) {
  FileDescriptor descriptor(::open(file.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC));
  if (!descriptor.is_open()) throw SystemError(Fault::io, "open", file.string(), errno);
  return descriptor;
}

void check_is_no_folder(const fs::path& file) {
  std::error_code ignored;
  if (fs::is_directory(file, ignored) || !file.has_filename()) {
    throw SystemError(Fault::io, "open", file.string(), EISDIR);
  }
}

}  // namespace

void secure_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    // A closed stdout is opened for reading only, so that writing a result to it is an error.
    const int mode = descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY;
    [[maybe_unused]] const int opened = open("/dev/null", mode);  // gets the number of this stream
  }
  // If the reader of stderr leaves, the run continues; write_stdout() handles stdout.
  signal(SIGPIPE, SIG_IGN);
  // A file beyond the shell's limit (ulimit -f) is then an error like a full disk, and no crash.
  signal(SIGXFSZ, SIG_IGN);
}

void write_stdout(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, printable_lines(text));
  if (error == EPIPE) {
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
  }
  if (error != 0) throw SystemError(Fault::io, "write", "stdout", error);
}

void write_json(const Json& document) {
  // File names need not be UTF-8; JSON must be.
  write_stdout(printable_json(document.dump(-1, ' ', false, Json::error_handler_t::replace)) +
               "\n");
}

void write_stderr(std::string_view text) {
  write_all(STDERR_FILENO, printable_lines(text));
}

void write_line(std::string_view text) {
  write_all(STDERR_FILENO, printable(text) + "\n");
}

void write_message(std::string_view text) {
  write_all(STDERR_FILENO, fmt::format("convoy: {}\n", printable_message(text)));
}

void write_warning(std::string_view text) {
  write_message(fmt::format("warning: {}", text));
}

LiveLine::LiveLine() : live_(::isatty(STDERR_FILENO) == 1) {}

void LiveLine::show(std::string_view text) {
  if (!live_) return;
  write_all(STDERR_FILENO, fmt::format("\r\033[K{}", printable(text)));
  shown_ = true;
}

void LiveLine::clear() {
  if (shown_) write_all(STDERR_FILENO, "\r\033[K");
  shown_ = false;
}

void check_writable(const fs::path& file) {
  if (is_device(file)) {
    open_device(file);
  } else {
    check_is_no_folder(file);
    NewFile gone(file);
  }
}

void save_file(const fs::path& file, std::string_view text) {
  save_file(file, [text](const TextSink& write) { write(text); });
}

void save_file(const fs::path& file, const std::function<void(const TextSink&)>& produce) {
  if (is_device(file)) {
    FileDescriptor device = open_device(file);
    produce([&](std::string_view text) {
      const int error = write_all(device.get(), text);
      if (error != 0) throw SystemError(Fault::io, "write", file.string(), error);
    });
    return;
  }
  check_is_no_folder(file);
  NewFile fresh(file);
  produce([&](std::string_view text) { fresh.write(std::as_bytes(std::span(text))); });
  fresh.keep();
}

std::string aligned(const std::vector<std::vector<std::string>>& rows,
                    const std::vector<bool>& right) {
  std::vector<std::vector<std::string>> cells = rows;
  std::vector<std::size_t> widths(right.size());
  for (auto& row : cells) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      row[c] = printable(row[c]);
      widths[c] = std::max(widths[c], characters(row[c]));
    }
  }
  std::string text;
  for (const auto& row : cells) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string blank(widths[c] - characters(row[c]), ' ');
      line += (right[c] ? blank + row[c] : row[c] + blank) + "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

Json optimizer_json(const TrainSettings& settings) {
  Json json{{"type", type_name(settings.optimizer)}};
  std::visit(
      [&](const auto& op) {
        visit_settings(op, [&](std::string_view key, const auto& field, const auto&...) {
          json[std::string(key)] = field;
        });
      },
      settings.optimizer);
  if (settings.clip_norm) json["clip_norm"] = *settings.clip_norm;
  Json groups = Json::array();
  for (const OptimizerGroup& group : settings.optimizer_groups) {
    Json one{{"match", group.match},
             {"learning_rate_factor", group.learning_rate_factor},
             {"frozen", group.frozen}};
    if (group.weight_decay) one["weight_decay"] = *group.weight_decay;
    groups.push_back(std::move(one));
  }
  if (!groups.empty()) json["groups"] = std::move(groups);
  return json;
}

Json average_json(const TrainSettings& settings) {
  Json json{{"type", type_name(settings.average)}};
  std::visit(
      [&](const auto& average) {
        visit_settings(average, [&](std::string_view key, const auto& field, const auto&...) {
          json[std::string(key)] = field;
        });
      },
      settings.average);
  json["evaluate"] = to_string(settings.evaluate);
  return json;
}

Json to_json(const TrainSettings& settings) {
  Json json{{"batch", settings.batch},
            {"grain", settings.grain},
            {"epochs", settings.epochs},
            {"order", settings.order},
            {"seed", settings.seed},
            {"drop_last", settings.drop_last},
            {"schedule", to_string(settings.schedule)},
            {"warmup_epochs", settings.warmup_epochs},
            {"step_epochs", settings.step_epochs},
            {"step_factor", settings.step_factor},
            {"final_learning_rate", settings.final_learning_rate},
            {"milestones", settings.milestones},
            {"pct_start", settings.pct_start},
            {"div_factor", settings.div_factor},
            {"anneal_strategy", to_string(settings.anneal_strategy)},
            {"optimizer", optimizer_json(settings)}};
  if (exists(settings.average)) json["average"] = average_json(settings);
  return json;
}

Json to_json(const MachineFacts& facts) {
  return {{"cpu", facts.cpu},
          {"cores", facts.cores},
          {"usable_cores", facts.usable_cores},
          {"memory_bytes", facts.memory_bytes},
          {"system", facts.system},
          {"compiler", facts.compiler}};
}

std::string compute_capability(const CudaDevice& gpu) {
  return fmt::format("{}.{}", gpu.compute_capability / 10, gpu.compute_capability % 10);
}

Json to_json(const CudaDevice& gpu) {
  return {{"name", gpu.name},
          {"compute_capability", compute_capability(gpu)},
          {"multiprocessors", gpu.multiprocessors},
          {"memory_bytes", gpu.memory_bytes}};
}

Json to_json(const EpochMetrics& metrics) {
  Json json{{"epoch", metrics.epoch}};
  if (metrics.learning_rate) json["learning_rate"] = *metrics.learning_rate;
  json["train_loss"] = metrics.train_loss;
  if (metrics.train_accuracy) json["train_accuracy"] = *metrics.train_accuracy;
  if (metrics.validation_loss) json["validation_loss"] = *metrics.validation_loss;
  if (metrics.validation_accuracy) json["validation_accuracy"] = *metrics.validation_accuracy;
  json["test_loss"] = metrics.test_loss;
  json["test_accuracy"] = metrics.test_accuracy;
  json["seconds"] = metrics.seconds;
  json["images_per_second"] = metrics.images_per_second;
  return json;
}

}  // namespace convoy::app
