// SPDX-License-Identifier: Apache-2.0
// What every Transport promises, checked by all ranks together: with ranks as threads
// (transport_test.cpp) and as processes of MPI (user/transport_over_mpi.cpp).
#pragma once

#include "parallel/transport.hpp"

namespace convoy {

// Collective. Throws std::runtime_error with what does not hold. Leaves the transport idle.
void check_transport(Transport& transport);

}  // namespace convoy
