// SPDX-License-Identifier: Apache-2.0
// The program decides by the cores that this process may use how many threads and ranks it starts,
// and starts launchers, which inherit them. OpenMP's runtimes bind threads where certain variables
// are set: gcc's binds the one that calls main() before it does, and with it all that is started
// from there; every rank of a machine would come to the same core. So the variables are taken out
// of the environment before the runtime reads them. The ranks' launcher, taskset or Slurm bind as
// ever.
//
// This has to happen in .preinit_array, which only glibc has; main() comes too late, even if it
// executed the program anew without the variables. exec() keeps the mask that gcc's runtime has set
// by then, and the mask before it is lost: with GOMP_CPU_AFFINITY=1 (or OMP_PLACES={1}) a process
// whose mask was {0, 1} and one that taskset had bound to {1} both find {1} in main(), and the
// runtime's places are {1} in both. To allow all cores again would undo what taskset, mpirun or
// Slurm bound.
#include <cstdlib>  // __GLIBC__

#if defined(__GLIBC__)
namespace {

constexpr const char* kBindingVariables[] = {
    "OMP_PLACES=", "OMP_PROC_BIND=", "GOMP_CPU_AFFINITY=", "KMP_AFFINITY="};

// These run before the initializers of all libraries, the C library's and a sanitizer's among them:
// neither may be needed.
#if defined(__clang__)
#define CONVOY_BEFORE_ALL [[clang::disable_sanitizer_instrumentation]]
#else
#define CONVOY_BEFORE_ALL [[gnu::no_sanitize("address", "thread", "undefined")]]
#endif

CONVOY_BEFORE_ALL bool starts_with(const char* text, const char* begin) {
  while (*begin != '\0') {
    if (*text++ != *begin++) return false;
  }
  return true;
}

CONVOY_BEFORE_ALL void drop_binding(int, char**, char** environment) {
  char** kept = environment;
  for (char** entry = environment; *entry != nullptr; ++entry) {
    bool binds = false;
    for (const char* variable : kBindingVariables) binds = binds || starts_with(*entry, variable);
    if (!binds) *kept++ = *entry;
  }
  *kept = nullptr;
}

[[gnu::section(".preinit_array"), gnu::used]] void (*const before_all)(int, char**,
                                                                       char**) = &drop_binding;

}  // namespace
#endif
