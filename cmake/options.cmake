# SPDX-License-Identifier: Apache-2.0
# The compiler options of everything in this project, as the target convoy_options (never exported).
add_library(convoy_options INTERFACE)
target_compile_features(convoy_options INTERFACE cxx_std_20)
target_compile_options(convoy_options INTERFACE
  -ffp-contract=off  # a fused multiply-add is written out or does not happen (docs/determinism.md)
  -Wall -Wextra -Wconversion -Wshadow $<$<BOOL:${CONVOY_WARNINGS_AS_ERRORS}>:-Werror>)
