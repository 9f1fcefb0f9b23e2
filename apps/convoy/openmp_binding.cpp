// SPDX-License-Identifier: Apache-2.0
// The program chooses its numbers of threads and ranks by the cores that this process may use, and
// starts launchers, which inherit these cores. OpenMP runtimes bind threads if certain variables
// are set: gcc's binds the thread that calls main() before it does so, and with it every process
// that is started from there; all ranks of a machine would be bound to the same core. So these
// variables are removed from the environment before the runtime reads them. The ranks' launcher,
// taskset and Slurm bind as usual.
//
// This must happen in .preinit_array, which only glibc has. main() is too late, even if it executed
// the program again without the variables: exec() keeps the mask that gcc's runtime has set by
// then, and the mask before it is lost. With GOMP_CPU_AFFINITY=1 (or OMP_PLACES={1}) a process
// whose mask was {0, 1} and one that taskset had bound to {1} both find {1} in main(), and the
// runtime's places are {1} in both. To allow all cores again would undo the binding of taskset,
// mpirun or Slurm.
#include <cstdlib>  // __GLIBC__

#if defined(__GLIBC__)
namespace {

constexpr const char* kBindingVariables[] = {
    "OMP_PLACES=", "OMP_PROC_BIND=", "GOMP_CPU_AFFINITY=", "KMP_AFFINITY="};

// These functions run before the initializers of all libraries, including the C library and a
// sanitizer, so they may use neither.
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
