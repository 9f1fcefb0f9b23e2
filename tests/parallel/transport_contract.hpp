// SPDX-License-Identifier: Apache-2.0
// All ranks together check the contract of a Transport, with ranks as threads (transport_test.cpp)
// and as processes of MPI (user/transport_over_mpi.cpp).
#pragma once

#include "parallel/transport.hpp"

namespace convoy {

// Collective. Throws std::runtime_error with the broken rule. Leaves the transport idle.
void check_transport(Transport& transport);

}  // namespace convoy
