// SPDX-License-Identifier: Apache-2.0
// This process as one of the ranks of a job: who speaks for all of them, and how each ends. Under a
// supervisor (supervisor.hpp) they tell it, and it speaks.
#pragma once

#include <array>

#include "cli/exit_codes.hpp"
#include "internal.hpp"

namespace convoy::app {

// Environment variables that a supervisor sets for its ranks: where the board lies, a pipe that
// breaks when the supervisor ends, and the machine on which both are found.
inline constexpr const char* kBoardVariable = "CONVOY_BOARD";
inline constexpr const char* kLeashVariable = "CONVOY_LEASH";
inline constexpr const char* kMachineVariable = "CONVOY_MACHINE";
inline constexpr std::array kJobVariables{kBoardVariable, kLeashVariable, kMachineVariable};

// This machine, or container: the same in processes that see each other's /proc.
std::string this_machine();

// First of all. If a launcher started this process as one of several, it is a rank from here on;
// one under a supervisor is killed by the kernel when that ends, however it ends.
void join_job();

bool is_rank();        // of several
bool is_supervised();  // by a process on this machine, that sees the board
bool speaks();         // of several, the first: messages of a run come from it

// The supervisor may send signals from here on.
void arrive();

// The job's communicator: mpi() on a rank, else alone(). `start_timeout` limits the seconds that
// MPI_Init and MPI_Finalize may take (call_limit.hpp); of a rank under a supervisor, which sees
// more and names the rank that is missing, they have no limit of their own.
std::unique_ptr<Communicator> job_communicator(const RanksOptions& options, double start_timeout);

// In the handler of an exception that ends this rank, before the communicator goes: tells the other
// ranks why, and settles which of them tells the user: that one gets the words, with the rank's
// name.
std::string fail_job(Communicator& communicator, const std::exception_ptr& error) noexcept;

// Last of all: says what is to be said, and gives the exit code.
int leave_job(const Ending& ending) noexcept;

// Where threads were left to the program and the launcher bound this rank to fewer cores than are
// there for it; may be empty.
std::vector<std::string> binding_warnings(const Communicator& communicator);

}  // namespace convoy::app
