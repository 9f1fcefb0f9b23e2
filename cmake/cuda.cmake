# SPDX-License-Identifier: Apache-2.0
# Finds nvcc and sets the options for kernels.
#
#   CMAKE_CUDA_ARCHITECTURES   GPUs to make code for; by default Turing (75, which drivers compile anew
#                              for what came later) and Hopper (90)
#   CMAKE_CUDA_COMPILER        nvcc, where it is neither on PATH nor at its usual place
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 75 90)
endif()
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(CMAKE_CUDA_COMPILER nvcc HINTS ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
endif()
enable_language(CUDA)
find_package(CUDAToolkit 12.4 REQUIRED)
if(convoy_is_top AND CONVOY_CCACHE AND NOT DEFINED CMAKE_CUDA_COMPILER_LAUNCHER)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CONVOY_CCACHE})
endif()

# The arithmetic of the contract: multiply-adds are fused only where the source says so, denormal
# numbers are kept, division and square root are rounded correctly.
set(convoy_cuda_options -std=c++20  # CMake 3.25 does not know that nvcc can
    -fmad=false -ftz=false -prec-div=true -prec-sqrt=true
    --expt-relaxed-constexpr -Xcompiler=-ffp-contract=off -Xcompiler=-fno-fast-math
    # nvcc's front end does not see that fmt's format strings are constants.
    -DFMT_CONSTEVAL=)

function(convoy_compile_cuda target)
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:${convoy_cuda_options}>"
    "$<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${CONVOY_WARNINGS_AS_ERRORS}>>:-Werror=all-warnings>")
  convoy_link_privately(${target} CUDA::cudart_static)
endfunction()
