// SPDX-License-Identifier: Apache-2.0
#include "report/gnuplot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/check.hpp"

namespace convoy::gnuplot {
namespace {

// A file in memory, without a name; a pipe could fill up while no process reads it.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("convoy-plots", MFD_CLOEXEC)) {
    if (descriptor_ < 0) throw SystemError(Fault::io, "memfd_create", "gnuplot", errno);
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return descriptor_; }

  // Writes from the beginning, and sets the position back to it.
  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) throw SystemError(Fault::io, "write", "gnuplot's script", errno);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    ::lseek(descriptor_, 0, SEEK_SET);
  }

  std::string read() const {
    std::string text;
    std::array<char, 65536> buffer;
    while (true) {
      const ssize_t got =
          ::pread(descriptor_, buffer.data(), buffer.size(), static_cast<off_t>(text.size()));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw SystemError(Fault::io, "read", "gnuplot's output", errno);
      if (got == 0) return text;
      text.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  int descriptor_;
};

class Actions {
 public:
  Actions() { posix_spawn_file_actions_init(&actions_); }
  ~Actions() { posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  void give(const MemoryFile& file, int as) {
    posix_spawn_file_actions_adddup2(&actions_, file.descriptor(), as);
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// The last line of its error output.
std::string reason(const std::string& errors, int status) {
  std::string text;
  for (const char c : errors.substr(errors.size() - std::min<std::size_t>(errors.size(), 400))) {
    const bool blank = c == '\n' || c == ' ' || c == '\t';
    if (!blank) {
      text += c;
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  if (!text.empty()) return text;
  return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

}  // namespace

std::string find() {
  const char* path = std::getenv("PATH");
  std::string_view folders = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (true) {
    const auto end = folders.find(':');
    std::string program = fmt::format("{}/gnuplot", folders.substr(0, end));
    struct stat facts {};
    if (end != 0 && ::access(program.c_str(), X_OK) == 0 && ::stat(program.c_str(), &facts) == 0 &&
        S_ISREG(facts.st_mode)) {
      return program;
    }
    if (end == folders.npos) return {};
    folders.remove_prefix(end + 1);
  }
}

std::string run(const std::string& program, std::string_view script) {
  MemoryFile input, output, errors;
  input.write(script);
  Actions actions;
  actions.give(input, STDIN_FILENO);
  actions.give(output, STDOUT_FILENO);
  actions.give(errors, STDERR_FILENO);
  std::string name = "gnuplot", no_start_up_file = "-d", locale = "LC_ALL=C.UTF-8";
  const char* library_path = std::getenv("LD_LIBRARY_PATH");  // for packages unpacked by hand
  std::string libraries = fmt::format("LD_LIBRARY_PATH={}", library_path ? library_path : "");
  const std::array<char*, 3> arguments{name.data(), no_start_up_file.data(), nullptr};
  const std::array<char*, 3> environment{locale.data(), library_path ? libraries.data() : nullptr,
                                         nullptr};
  pid_t child = -1;
  const int error = posix_spawn(&child, program.c_str(), actions.get(), nullptr, arguments.data(),
                                environment.data());
  if (error != 0) throw SystemError(Fault::io, "posix_spawn", program, error);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw SystemError(Fault::io, "waitpid", program, errno);
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw SystemError(Fault::io, "drawing", program, reason(errors.read(), status));
  }
  return output.read();
}

}  // namespace convoy::gnuplot
