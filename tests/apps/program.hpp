// SPDX-License-Identifier: Apache-2.0
// Runs the real program as a child process and gives its output and exit code.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/base/files.hpp"

namespace convoy::test {

using Arguments = std::vector<std::string>;

// A temporary folder of a test; the destructor removes it.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string operator/(const std::string& name) const { return (path / name).string(); }
  std::filesystem::path path;
};

struct Ended {
  int code = -1;    // exit code; 128 + signal where a signal ended it, as a shell says
  std::string out;  // stdout
  std::string err;  // stderr
};

// The program's own path in front of its arguments.
Arguments convoy(const Arguments& arguments);

// A child that runs. Its streams go to files, so that it never waits for a reader.
class Child {
 public:
  // `command` with its arguments, in folder `in`; `variables` are NAME=VALUE. stdout goes to the
  // file `out` where one is given.
  Child(Arguments command, const std::filesystem::path& in, const Arguments& variables = {},
        const std::string& out = "");
  ~Child();  // kills it, if it still runs
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void signal(int number) const;
  Ended wait();
  // Waits until `text` stands in stderr, or the child ended.
  void wait_for(const std::string& text) const;
  pid_t id() const { return id_; }

 private:
  bool ended() const;
  ScratchFolder streams_;
  std::string out_file_;
  pid_t id_ = -1;
};

// Runs a script of /bin/sh to its end; $CONVOY is the program.
Ended run_script(const std::string& script, const ScratchFolder& in,
                 const std::string& shell = "/bin/sh");

// Runs the program to its end.
Ended run(const Arguments& arguments, const ScratchFolder& in, const Arguments& variables = {},
          const std::string& out = "");

// Checks that stdout is exactly one JSON document on a line, and returns it.
nlohmann::json document(const Ended& ended);

// Whether stderr has one message for a person without internals: "convoy: problem (why): remedy".
::testing::AssertionResult is_message(const Ended& ended, const std::string& part);

}  // namespace convoy::test
