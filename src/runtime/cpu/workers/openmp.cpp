// SPDX-License-Identifier: Apache-2.0
#include <omp.h>

#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "runtime/cpu/thread_trial.hpp"
#include "runtime/cpu/workers.hpp"

namespace convoy {
namespace {

// Restores the calling thread's affinity when it is destroyed.
class KeptCores {
 public:
  KeptCores() = default;
  ~KeptCores() {
    if (CoreSet::of_this_thread() != before_) before_.apply();
  }
  KeptCores(const KeptCores&) = delete;
  KeptCores& operator=(const KeptCores&) = delete;

  const CoreSet& cores() const { return before_; }

 private:
  const CoreSet before_ = CoreSet::of_this_thread();
};

// The first number of a list such as "4,2"; 0 where the text is not such a list. A list with a
// number above 65536 counts as unreadable, too: clang's runtime ends the process for the largest
// numbers.
int first_of_list(const std::string& text) {
  constexpr long kMost = 65536;
  int first = 0;
  const char* at = text.c_str();
  for (;;) {
    char* end = nullptr;
    errno = 0;
    at += std::strspn(at, " \t");
    if (std::isdigit(static_cast<unsigned char>(*at)) == 0) return 0;  // strtol would take a sign
    const long number = std::strtol(at, &end, 10);
    if (errno != 0 || number < 1 || number > kMost) return 0;
    if (first == 0) first = static_cast<int>(number);
    at = end + std::strspn(end, " \t");
    if (*at == '\0') return first;
    if (*at++ != ',') return 0;
  }
}

// The size of the calling thread's pool: OpenMP's runtime keeps the threads of its last parallel
// region.
thread_local int pool = 1;

// Throws where threads can't be created. OpenMP's runtime would end the process, so this tries
// first.
void check_threads_can_start(int workers) {
  if (workers <= pool) return;
  try_threads(workers);
  pool = workers;
}

}  // namespace

int most_workers() {
  threads_by_environment();
  return omp_get_thread_limit();
}

std::string threads_library() {
  struct Version {
    int date;
    const char* name;
  };
  for (const Version& version : {Version{202111, "5.2"},
                                 {202011, "5.1"},
                                 {201811, "5.0"},
                                 {201511, "4.5"},
                                 {201307, "4.0"},
                                 {201107, "3.1"}}) {
    if (_OPENMP >= version.date) return std::string("OpenMP ") + version.name;
  }
  return "OpenMP";
}

// omp_get_max_threads() does not serve here: it counts cores where the variable is not set.
ThreadsWish threads_by_environment() {
  static std::mutex mutex;
  static ThreadsWish dropped;
  const std::lock_guard lock(mutex);
  const char* text = std::getenv("OMP_NUM_THREADS");
  if (text == nullptr) return dropped;
  if (const int threads = first_of_list(text); threads > 0) return {threads, false, text};
  dropped = {0, true, text};
  unsetenv("OMP_NUM_THREADS");
  return dropped;
}

CoreSet worker_cores() {
  threads_by_environment();
  const KeptCores kept;  // clang's runtime binds the calling thread in a query for places
  CoreSet cores = kept.cores();
  if (omp_get_proc_bind() == omp_proc_bind_false) return cores;
  std::vector<int> numbers;
  for (int place = 0; place < omp_get_num_places(); ++place) {
    numbers.resize(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, numbers.data());
    for (const int number : numbers) cores.add(number);
  }
  return cores;
}

void run_workers(int workers, const std::function<void(int)>& work) {
  threads_by_environment();
  const KeptCores kept;
  const CoreSet cores = worker_cores();
  if (workers == 1) {
    if (kept.cores() != cores) cores.apply();
    return work(0);
  }
  check_threads_can_start(workers);
  int started = 0;
  omp_set_dynamic(0);  // for the calling thread: the runtime must not choose fewer threads
  // With too few threads no worker may start: it would wait for the missing ones without limit.
#pragma omp parallel num_threads(workers)
  {
    if (omp_get_num_threads() == workers) {
      const KeptCores own;
      if (own.cores() != cores) cores.apply();
      work(omp_get_thread_num());
    } else {
#pragma omp single
      started = omp_get_num_threads();
    }
  }
  pool = started == 0 ? workers : started;
  if (started != 0) {
    throw UserError(
        Fault::unavailable,
        "asked for " + std::to_string(workers) + " threads, got " + std::to_string(started),
        "OpenMP gives fewer inside a parallel region, or by OMP_THREAD_LIMIT",
        "use fewer threads, or call from outside of a parallel region");
  }
}

}  // namespace convoy
