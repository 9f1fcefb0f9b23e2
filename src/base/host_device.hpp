// SPDX-License-Identifier: Apache-2.0
// CONVOY_HOST_DEVICE marks a function that nvcc compiles for the host and for a GPU.
#pragma once

#if defined(__CUDACC__)
#define CONVOY_HOST_DEVICE __host__ __device__
#else
#define CONVOY_HOST_DEVICE
#endif
