#pragma once
// Training by several processes that mpirun starts: distributed/mpi.hpp. Needs MPI (component mpi).
#include "frcnn/distributed/mpi.hpp"
