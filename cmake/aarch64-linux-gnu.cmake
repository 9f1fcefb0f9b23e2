# SPDX-License-Identifier: Apache-2.0
# Cross-compiles for 64-bit Arm on another machine, and runs what comes out in qemu (docs/install.md).
#
#   CONVOY_ARM_LIBRARIES  where scripts/setup-arm has put the libraries
#   CONVOY_SVE_BITS       vectors of this length, instead of NEON (see src/convoy/CMakeLists.txt)
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

set(CONVOY_ARM_LIBRARIES "${CMAKE_CURRENT_LIST_DIR}/../build/arm-libraries" CACHE PATH
    "Where scripts/setup-arm has put the libraries for Arm")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CONVOY_ARM_LIBRARIES)
get_filename_component(arm_libraries "${CONVOY_ARM_LIBRARIES}" ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH "${arm_libraries}" /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
# Where Debian has headers that differ from machine to machine.
set(CMAKE_CXX_FLAGS_INIT "-isystem ${arm_libraries}/usr/include/aarch64-linux-gnu")

# A processor with just that much: the Cortex-A72 has no SVE.
if(CONVOY_SVE_BITS)
  math(EXPR bytes "${CONVOY_SVE_BITS} / 8")
  set(processor max,sve${CONVOY_SVE_BITS}=on,sve-default-vector-length=${bytes})
else()
  set(processor cortex-a72)
endif()
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu -cpu ${processor})
