// SPDX-License-Identifier: Apache-2.0
// Replaces mpi.cpp where Convoy is built without MPI (CONVOY_MPI=OFF).
#include "base/check.hpp"
#include "parallel/transport.hpp"

namespace convoy {

std::unique_ptr<Transport> mpi_transport(const std::function<void(const char* call)>&) {
  throw UserError(Fault::unavailable, "ranks are not available", "Convoy was built without MPI",
                  "build it with -DCONVOY_MPI=ON, or start it without a launcher and use threads");
}

std::string mpi_launcher() {
  return {};
}

std::string mpi_library() {
  return {};
}

}  // namespace convoy
