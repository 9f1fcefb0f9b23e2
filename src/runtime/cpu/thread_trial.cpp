// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu/thread_trial.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "base/check.hpp"

namespace convoy {
namespace {

// OpenMP's runtime uses the first of these variables that it can read.
#if defined(__clang__)
constexpr std::array kStackVariables{"KMP_STACKSIZE", "OMP_STACKSIZE", "GOMP_STACKSIZE"};
#else
constexpr std::array kStackVariables{"OMP_STACKSIZE", "GOMP_STACKSIZE"};
#endif

struct Stack {
  std::size_t bytes = 0;
  std::string source;  // "OMP_STACKSIZE=16k"
};

// The stack size that OpenMP's threads will have.
Stack stack_of_threads() {
  for (const char* name : kStackVariables) {
    const char* text = std::getenv(name);
    if (text == nullptr) continue;
    if (const auto bytes = stack_bytes(text)) return {*bytes, fmt::format("{}={}", name, text)};
  }
  pthread_attr_t usual;
  std::size_t bytes = kLeastStack;
  if (pthread_getattr_default_np(&usual) == 0) {
    pthread_attr_getstacksize(&usual, &bytes);
    pthread_attr_destroy(&usual);
  }
  return {bytes, "ulimit -s"};
}

// Creates threads that wait until all of them exist, and joins them.
class Trial {
 public:
  Trial(int threads, std::size_t stack) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    error_ = pthread_attr_setstacksize(&attributes, stack);
    threads_.reserve(static_cast<std::size_t>(threads));
    while (error_ == 0 && static_cast<int>(threads_.size()) < threads) {
      pthread_t thread{};
      error_ = pthread_create(&thread, &attributes, &Trial::wait, this);
      if (error_ == 0) threads_.push_back(thread);
    }
    pthread_attr_destroy(&attributes);
    over_.store(true);
    over_.notify_all();
    for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
  }

  int error() const { return error_; }  // an errno; 0 where all threads were created

 private:
  static void* wait(void* trial) {
    static_cast<Trial*>(trial)->over_.wait(false);
    return nullptr;
  }

  std::vector<pthread_t> threads_;
  std::atomic<bool> over_{false};
  int error_ = 0;
};

}  // namespace

std::optional<std::size_t> stack_bytes(const std::string& text) {
  constexpr const char* kBlank = " \t\n";
  char* unit = nullptr;
  errno = 0;
  const char* begin = text.c_str() + std::strspn(text.c_str(), kBlank);
  const unsigned long long number = std::strtoull(begin, &unit, 10);
  if (unit == begin || *begin == '-' || errno != 0) return std::nullopt;
  unit += std::strspn(unit, kBlank);
  int shift = 10;
  if (*unit != '\0') {
    switch (*unit++) {
      case 'b':
      case 'B':
        shift = 0;
        break;
      case 'k':
      case 'K':
        shift = 10;
        break;
      case 'm':
      case 'M':
        shift = 20;
        break;
      case 'g':
      case 'G':
        shift = 30;
        break;
      default:
        return std::nullopt;
    }
  }
  if (unit[std::strspn(unit, kBlank)] != '\0') return std::nullopt;
  if (number > std::numeric_limits<std::size_t>::max() >> shift) return std::nullopt;
  return static_cast<std::size_t>(number) << shift;
}

void try_threads(int workers) {
  const Stack stack = stack_of_threads();
  if (stack.bytes < kLeastStack) {
    throw UserError(Fault::unavailable, fmt::format("the {} threads cannot be used", workers),
                    fmt::format("their stack has {} bytes by {}, a thread needs {}", stack.bytes,
                                stack.source, kLeastStack),
                    fmt::format("raise it or unset it, or use one thread"));
  }
  const Trial trial(workers - 1, stack.bytes);
  if (trial.error() == 0) return;
  throw UserError(Fault::unavailable, fmt::format("{} threads can't be started", workers),
                  std::strerror(trial.error()),
                  "use fewer threads, or raise the limit of processes (ulimit -u, a container's "
                  "limit of pids) or of memory (ulimit -v, OMP_STACKSIZE)");
}

}  // namespace convoy
