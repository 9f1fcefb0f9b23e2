# SPDX-License-Identifier: Apache-2.0
# Finds MPI, and among the launchers on this machine the one of that library. A machine may have
# several MPI libraries, and a rank that the launcher of another library starts believes that it is
# alone.
#
#   MPI_CXX_COMPILER      chooses the library (a name or a path; CMake's FindMPI)
#   CONVOY_MPI_LAUNCHER   its mpirun; found out unless it or MPIEXEC_EXECUTABLE is given
set(given_launcher ${MPIEXEC_EXECUTABLE})  # before FindMPI finds one
set(MPI_CXX_SKIP_MPICXX ON)                # C++ bindings of old libraries
find_package(MPI REQUIRED COMPONENTS CXX)

include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES MPI::MPI_CXX)
foreach(macro OPEN_MPI MPICH_VERSION)
  check_cxx_source_compiles("#include <mpi.h>
    #ifndef ${macro}
    #error another library
    #endif
    int main() {}" CONVOY_MPI_HAS_${macro})
endforeach()
unset(CMAKE_REQUIRED_LIBRARIES)

# Open MPI 4 may have been built with Slurm's PMI, or with PMIx alone, as version 5 always is: then srun's
# other plugins do not serve it.
set(CONVOY_OPEN_MPI_WITHOUT_PMI 0)
if(CONVOY_MPI_HAS_OPEN_MPI AND NOT CMAKE_CROSSCOMPILING)
  get_filename_component(beside_compiler "${MPI_CXX_COMPILER}" DIRECTORY)
  find_program(CONVOY_OMPI_INFO ompi_info HINTS "${beside_compiler}")
  mark_as_advanced(CONVOY_OMPI_INFO)
  if(CONVOY_OMPI_INFO)
    execute_process(COMMAND "${CONVOY_OMPI_INFO}" --parsable OUTPUT_VARIABLE facts ERROR_QUIET)
    if(facts MATCHES "mca:pmix:" AND NOT facts MATCHES "mca:pmix:(s1|s2|cray):")
      set(CONVOY_OPEN_MPI_WITHOUT_PMI 1)
    endif()
  endif()
endif()

if(NOT CONVOY_MPI_LAUNCHER)
  if(given_launcher)
    set(names ${given_launcher})
  elseif(CONVOY_MPI_HAS_OPEN_MPI)
    set(names mpirun.openmpi mpirun orterun)
  elseif(CONVOY_MPI_HAS_MPICH_VERSION)
    set(names mpiexec.hydra mpiexec.mpich mpiexec)
  else()
    set(names mpirun mpiexec)
  endif()
  get_filename_component(beside_compiler "${MPI_CXX_COMPILER}" DIRECTORY)
  find_program(CONVOY_MPI_LAUNCHER NAMES ${names} NAMES_PER_DIR PATHS "${beside_compiler}"
               NO_DEFAULT_PATH)
  find_program(CONVOY_MPI_LAUNCHER NAMES ${names} NAMES_PER_DIR REQUIRED
               DOC "The mpirun of the MPI library that Convoy is built with")
endif()
