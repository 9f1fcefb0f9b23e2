// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/check.hpp"

namespace convoy::fuzz {
namespace {

bool wants_good() {
  static const bool good = std::getenv("CONVOY_FUZZ_GOOD") != nullptr;
  return good;
}

}  // namespace

MemoryFile::MemoryFile(Input input) : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
  if (descriptor_ < 0) report("memfd_create failed");
  while (!input.empty()) {
    const ssize_t n = ::write(descriptor_, input.data(), input.size());
    if (n <= 0) report("write to memory failed");
    input = input.subspan(static_cast<std::size_t>(n));
  }
}

MemoryFile::~MemoryFile() {
  ::close(descriptor_);
}

std::filesystem::path MemoryFile::path() const {
  return fmt::format("/proc/self/fd/{}", descriptor_);
}

bool reads(const std::function<void()>& read) {
  try {
    read();
    return true;
  } catch (const UserError& error) {
    const Fault fault = error.fault();
    if (fault != Fault::bad_data && fault != Fault::usage) {
      report(fmt::format("fault {}: {}", static_cast<int>(fault), error.what()));
    }
    if (*error.what() == '\0') report("a refusal without a message");
    if (wants_good()) std::fprintf(stderr, "refused: %s\n", error.what());
    return false;
  }
}

void report(std::string_view what) {
  std::fprintf(stderr, "finding: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

static void run(Input input) {
  if (!takes(input) && wants_good()) report("a good input is refused");
}

}  // namespace convoy::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  convoy::fuzz::run({data, size});
  return 0;
}
