// SPDX-License-Identifier: Apache-2.0
// One rank of an MPI job that checks the transport; ctest starts it with several numbers of ranks.
//
//   transport_over_mpi               checks the contract, and that MPI cannot be started again
//   transport_over_mpi within        twice in a program that starts and ends MPI itself
//   transport_over_mpi hosts         five ranks, in turn on two hosts (on_two_hosts), are
//   renumbered transport_over_mpi size BYTES    a message of BYTES where 16 are expected is
//   reported with the
//                                    peer
#include <mpi.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "tests/parallel/transport_contract.hpp"

namespace {

void keep_contract() {
  const auto transport = convoy::mpi_transport();
  convoy::check_transport(*transport);
  if (transport->rank() == 0) {
    std::printf("%s: %d ranks keep the contract\n", convoy::mpi_library().c_str(),
                transport->size());
  }
  transport->end(true);
}

void refuse_to_start_again() {
  try {
    convoy::mpi_transport();
  } catch (const convoy::UserError&) {
    return;
  }
  throw std::runtime_error("MPI was started again");
}

void within() {
  int provided = 0, finalized = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  keep_contract();
  keep_contract();
  MPI_Finalized(&finalized);
  if (finalized) throw std::runtime_error("what the program started was ended by the transport");
  MPI_Finalize();
}

void check_hosts() {
  const auto transport = convoy::mpi_transport();
  if (transport->hosts() != std::vector{0, 0, 0, 1, 1}) throw std::runtime_error("other hosts");
  const int of_world_rank[] = {0, 3, 1, 4, 2};
  if (transport->rank() != of_world_rank[convoy::announced_rank()]) {
    throw std::runtime_error("another number");
  }
  convoy::check_transport(*transport);
  transport->end(true);
}

// Two ranks. Rank 1 prints the error and leaves as after any failure of a peer: without
// MPI_Finalize, so that the launcher ends rank 0, which waits for ever.
void size_differs(std::size_t size) {
  const auto transport = convoy::mpi_transport();
  std::vector<std::byte> memory(size + 16);
  try {
    if (transport->rank() == 0) {
      const convoy::Outgoing out{1, std::span(memory).first(size)};
      const convoy::Incoming in{1, memory};
      transport->start({&out, 1}, {&in, 1}, 5);
    } else {
      const convoy::Incoming in{0, std::span(memory).first(16)};
      transport->start({}, {&in, 1}, 5);
    }
    while (!transport->done()) continue;
  } catch (const convoy::SystemError&) {
    transport->end(false);
    throw;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  try {
    if (mode == "within") {
      within();
    } else if (mode == "hosts") {
      check_hosts();
    } else if (mode == "size") {
      size_differs(std::stoul(argv[2]));
    } else {
      keep_contract();
      refuse_to_start_again();
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "transport_over_mpi: %s\n", error.what());
    std::_Exit(1);
  }
}
