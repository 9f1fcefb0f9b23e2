# SPDX-License-Identifier: Apache-2.0
# Refuses processors and systems that Convoy does not support before the compilation begins
# (docs/install.md, "Processors and systems"), and reports a processor without vector instructions.
if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
  message(FATAL_ERROR "convoy: ${CMAKE_SYSTEM_NAME} is not supported (memory shared by processes, affinity "
          "and supervision are Linux's): build it on Linux, in a container or in a virtual machine; "
          "docs/install.md, \"Processors and systems\"")
endif()

include(CheckCXXSourceCompiles)
function(convoy_check_target variable condition)
  set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)  # the libraries to link with may be missing
  check_cxx_source_compiles("#include <float.h>
    #if !(${condition})
    #error no
    #endif
    int main() {}" ${variable})
endfunction()
convoy_check_target(CONVOY_HAS_VECTORS
  "defined(__x86_64__) && !defined(__ILP32__) || defined(__aarch64__) && !defined(__AARCH64EB__)")
if(NOT CONVOY_HAS_VECTORS)
  string(CONCAT known "defined(__powerpc64__) && defined(__LITTLE_ENDIAN__) || defined(__s390x__) || "
                      "defined(__riscv) && __riscv_xlen == 64 && defined(__riscv_float_abi_double)")
  convoy_check_target(CONVOY_HAS_REFERENCE "${known}")
  if(NOT CONVOY_HAS_REFERENCE)
    message(FATAL_ERROR "convoy: this processor (${CMAKE_SYSTEM_PROCESSOR}, as ${CMAKE_CXX_COMPILER} compiles "
            "for it) is not supported: use 64-bit x86, Arm, POWER (little-endian), RISC-V or s390x; "
            "docs/install.md, \"Processors and systems\", says why")
  endif()
  message(STATUS "convoy: no vector instructions for ${CMAKE_SYSTEM_PROCESSOR}: the plain reference code "
          "trains to the same weights, some hundred times slower")
endif()
# Float must be computed as float: a wider intermediate format gives other bits. (With 16, half
# precision is also computed in its own format.)
convoy_check_target(CONVOY_FLOATS_ARE_FLOATS "FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 16")
if(NOT CONVOY_FLOATS_ARE_FLOATS)
  message(FATAL_ERROR "convoy: ${CMAKE_CXX_COMPILER} computes float in a wider format (FLT_EVAL_METHOD), which "
          "gives other bits: configure with -DCMAKE_CXX_FLAGS=-fexcess-precision=fast, or use another "
          "compiler or processor; docs/install.md, \"Processors and systems\"")
endif()
