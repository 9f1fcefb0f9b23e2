// SPDX-License-Identifier: Apache-2.0
#include "tests/apps/program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace convoy::test {
namespace {

namespace fs = std::filesystem;

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

// The environment of this process, without variables that would change the program's defaults.
std::vector<std::string> environment(const Arguments& variables) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with("OMP_NUM_THREADS=") && !text.starts_with("CONVOY_MODELS=")) {
      result.emplace_back(text);
    }
  }
  // It is undefined which of two entries of one name counts in execve's environment, so entries
  // that `variables` replaces are dropped.
  for (const std::string& variable : variables) {
    const std::string name = variable.substr(0, variable.find('=') + 1);
    std::erase_if(result, [&](const std::string& old) { return old.starts_with(name); });
    result.push_back(variable);
  }
  return result;
}

int open_for_child(const std::string& file) {
  return open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

}  // namespace

ScratchFolder::ScratchFolder() {
  std::string name = (fs::temp_directory_path() / "convoy-apps-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code error;
  fs::remove_all(path, error);
}

Arguments convoy(const Arguments& arguments) {
  Arguments command{CONVOY_PROGRAM};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

Child::Child(Arguments command, const fs::path& in, const Arguments& variables,
             const std::string& out)
    : out_file_(out.empty() ? streams_ / "out" : out) {
  Arguments variable_words = environment(variables);
  const std::vector<char*> argv = pointers(command), envp = pointers(variable_words);
  const int out_end = open_for_child(out_file_), err_end = open_for_child(streams_ / "err");
  id_ = fork();
  if (id_ == 0) {  // between fork and exec: system calls only, no allocation
    ::signal(SIGINT, SIG_DFL);
    if (dup2(out_end, STDOUT_FILENO) < 0 || dup2(err_end, STDERR_FILENO) < 0 ||
        chdir(in.c_str()) != 0) {
      _exit(126);
    }
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(out_end);
  close(err_end);
  if (id_ < 0) throw std::runtime_error("fork failed");
}

Child::~Child() {
  if (id_ <= 0) return;
  kill(id_, SIGKILL);
  waitpid(id_, nullptr, 0);
}

void Child::signal(int number) const {
  kill(id_, number);
}

bool Child::ended() const {
  siginfo_t information{};
  return waitid(P_PID, static_cast<id_t>(id_), &information, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         information.si_pid == id_;
}

void Child::wait_for(const std::string& text) const {
  while (!ended() && read_file(streams_ / "err").find(text) == std::string::npos) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

Ended Child::wait() {
  int status = 0;
  waitpid(id_, &status, 0);
  id_ = -1;
  Ended result;
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (fs::is_regular_file(out_file_)) result.out = read_file(out_file_);
  result.err = read_file(streams_ / "err");
  return result;
}

Ended run(const Arguments& arguments, const ScratchFolder& in, const Arguments& variables,
          const std::string& out) {
  return Child(convoy(arguments), in.path, variables, out).wait();
}

Ended run_script(const std::string& script, const ScratchFolder& in, const std::string& shell) {
  return Child({shell, "-c", script}, in.path, {"CONVOY=" CONVOY_PROGRAM}).wait();
}

nlohmann::json document(const Ended& ended) {
  EXPECT_EQ(std::count(ended.out.begin(), ended.out.end(), '\n'), 1) << ended.out << ended.err;
  EXPECT_TRUE(ended.out.ends_with("\n"));
  nlohmann::json json = nlohmann::json::parse(ended.out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << ended.out;
  return json;
}

::testing::AssertionResult is_message(const Ended& ended, const std::string& part) {
  const bool well = ended.out.empty() && ended.err.starts_with("convoy: ") &&
                    ended.err.ends_with("\n") && ended.err.find(part) != std::string::npos;
  return (well ? ::testing::AssertionSuccess() : ::testing::AssertionFailure())
         << "exit code " << ended.code << "\nstdout: " << ended.out << "\nstderr: " << ended.err;
}

}  // namespace convoy::test
