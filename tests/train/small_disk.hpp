// SPDX-License-Identifier: Apache-2.0
// Gives a test a small disk that it can fill.
#pragma once

#include <sched.h>
#include <sys/mount.h>

#include <filesystem>
#include <functional>
#include <optional>

#include "tests/parallel/children.hpp"

namespace convoy::test {

// Runs `work` in a child process that sees a file system of 64 KiB at `folder`; other
// processes do not see it. Returns the child's exit code, which is what `work` returns, or 99 where
// it throws; nothing where the user may not mount a file system. `work` does not return 77.
inline std::optional<int> on_a_small_disk(const std::filesystem::path& folder,
                                          const std::function<int()>& work) {
  constexpr int kNotPermitted = 77;
  Children children;
  children.start([&] {
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
      return kNotPermitted;
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return kNotPermitted;
    if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=64k") != 0) return kNotPermitted;
    return work();
  });
  const int code = children.join().front();
  return code == kNotPermitted ? std::nullopt : std::optional(code);
}

}  // namespace convoy::test
