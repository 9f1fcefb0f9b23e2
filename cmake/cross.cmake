# SPDX-License-Identifier: Apache-2.0
# Cross-compiles for another processor, and runs the programs in qemu (docs/install.md,
# scripts/test-cross).
#
#   CONVOY_TRIPLET         the compiler's name for it: aarch64-linux-gnu, s390x-linux-gnu ...
#   CONVOY_CROSS_LIBRARIES where scripts/setup-cross has put the libraries: build/libraries/TRIPLET
#   CONVOY_SVE_BITS        64-bit Arm: vectors of this length, instead of NEON (src/CMakeLists.txt)
set(CONVOY_TRIPLET "aarch64-linux-gnu" CACHE STRING "The processor to compile for")
set(CONVOY_CROSS_LIBRARIES "${CMAKE_CURRENT_LIST_DIR}/../build/libraries/${CONVOY_TRIPLET}" CACHE PATH
    "Where scripts/setup-cross has put the libraries")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CONVOY_TRIPLET CONVOY_CROSS_LIBRARIES)

set(CMAKE_SYSTEM_NAME Linux)
string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR "${CONVOY_TRIPLET}")
set(CMAKE_CXX_COMPILER ${CONVOY_TRIPLET}-g++)

get_filename_component(cross_libraries "${CONVOY_CROSS_LIBRARIES}" ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH "${cross_libraries}" /usr/${CONVOY_TRIPLET})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
# Debian's folder for headers that differ between processors.
set(CMAKE_CXX_FLAGS_INIT "-isystem ${cross_libraries}/usr/include/${CONVOY_TRIPLET}")

string(REPLACE "powerpc64le" "ppc64le" emulated ${CMAKE_SYSTEM_PROCESSOR})
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${emulated} -L /usr/${CONVOY_TRIPLET})
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  # The Cortex-A72 has NEON and no SVE.
  set(processor cortex-a72)
  if(CONVOY_SVE_BITS)
    math(EXPR bytes "${CONVOY_SVE_BITS} / 8")
    set(processor max,sve${CONVOY_SVE_BITS}=on,sve-default-vector-length=${bytes})
  endif()
  list(APPEND CMAKE_CROSSCOMPILING_EMULATOR -cpu ${processor})
endif()
