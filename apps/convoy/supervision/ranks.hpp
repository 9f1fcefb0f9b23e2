// SPDX-License-Identifier: Apache-2.0
// This process as one of the ranks of a job: which rank prints messages, and how each rank ends.
// Under a supervisor (supervisor.hpp) the ranks report to it, and it prints.
#pragma once

#include <array>

#include "cli/exit_codes.hpp"
#include "internal.hpp"

namespace convoy::app {

// Environment variables that a supervisor sets for its ranks: the path of the liveness table, the
// path of a pipe whose only writer is the supervisor, and the machine on which both exist.
inline constexpr const char* kLivenessTableVariable = "CONVOY_LIVENESS_TABLE";
inline constexpr const char* kParentDeathVariable = "CONVOY_PARENT_DEATH_PIPE";
inline constexpr const char* kMachineVariable = "CONVOY_MACHINE";
inline constexpr std::array kJobVariables{kLivenessTableVariable, kParentDeathVariable,
                                          kMachineVariable};

// Identifies this machine or container: the same in processes that see each other's /proc.
std::string this_machine();

// Call it first. If a launcher started this process as one of several, it is a rank from here on.
// The kernel kills a rank under a supervisor when the supervisor ends.
void join_job();

bool is_rank();        // whether this process is one of several
bool is_supervised();  // by a process on this machine, which sees the liveness table
bool is_rank_zero();   // true also for a process alone; this rank prints the messages of a run

// Tells the supervisor that it may send signals from here on.
void arrive();

// The job's communicator: mpi() on a rank, else alone(). `start_timeout` limits the seconds that
// MPI_Init and MPI_Finalize may take (call_limit.hpp). Under a supervisor they have no limit of
// their own: the supervisor sees more, and names the missing rank.
std::unique_ptr<Communicator> job_communicator(const RanksOptions& options, double start_timeout);

// Call it in the handler of an exception that ends this rank, while the communicator exists. It
// sends the reason to the other ranks, and settles which rank is the reporter. The reporter gets
// the message with the rank's name, unless a supervisor prints it; the others get an empty text.
std::string fail_job(Communicator& communicator, const std::exception_ptr& error) noexcept;

// Call it last: it prints the remaining message, and returns the exit code. A rank that is not the
// reporter of its error waits for the launcher to end it, for at most 5 s.
int leave_job(const Ending& ending) noexcept;

// Warns if the program chose the number of threads and the launcher bound this rank to fewer cores
// than it could have; may be empty.
std::vector<std::string> binding_warnings(const Communicator& communicator);

}  // namespace convoy::app
