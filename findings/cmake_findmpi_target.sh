#!/usr/bin/env bash
# CMake's FindMPI makes the imported target MPI::MPI_CXX where there is no MPI,
# too: MPI_CXX_FOUND is false, and `if(TARGET MPI::MPI_CXX)` is true.
#
# Versions: CMake 3.25.2 and 4.1.0.
#
# Observed: find_package(MPI QUIET COMPONENTS CXX) where neither mpi.h nor a
# wrapper compiler can be found
#   MPI_FOUND, MPI_CXX_FOUND   FALSE
#   TARGET MPI::MPI_CXX        true; it links nothing and has no folder
#
# One would have guessed: as with most modules (OpenMP::OpenMP_CXX,
# JPEG::JPEG, BLAS::BLAS), the target is there where the library is.
#
# Why it matters: a project that asks for the target believes in an MPI, and
# its build stops at a header that is not there.
#
# Needs: python3 with venv (3.11 here), a C++ compiler.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

cat > CMakeLists.txt <<'EOT'
cmake_minimum_required(VERSION 3.22)
project(without LANGUAGES CXX)
# Nothing of this machine's is found but what is named.
foreach(way CMAKE_SYSTEM_PATH SYSTEM_ENVIRONMENT_PATH CMAKE_ENVIRONMENT_PATH)
  set(CMAKE_FIND_USE_${way} OFF)
endforeach()
set(MPI_CXX_SKIP_MPICXX ON)
set(PKG_CONFIG_EXECUTABLE false)
find_package(MPI QUIET COMPONENTS CXX)
find_package(JPEG QUIET)
foreach(name MPI::MPI_CXX JPEG::JPEG)
  set(there FALSE)
  if(TARGET ${name})
    set(there TRUE)
  endif()
  message(STATUS "${name} ${there}")
endforeach()
message(STATUS "found ${MPI_CXX_FOUND} ${JPEG_FOUND}")
EOT
for version in 3.25.2 4.1.0; do
  python3 -m venv "venv-$version"
  "venv-$version/bin/pip" install -q --no-compile --disable-pip-version-check --only-binary=:all: "cmake==$version"
  said=$("venv-$version/bin/cmake" -S . -B "build-$version" -G "Unix Makefiles" -DCMAKE_CXX_COMPILER="$(command -v g++)" \
    -DCMAKE_MAKE_PROGRAM="$(command -v make)")
  echo "CMake $version"
  grep -E "::|found" <<<"$said"
  grep -q "MPI::MPI_CXX TRUE" <<<"$said"
  grep -q "JPEG::JPEG FALSE" <<<"$said"
  grep -q "found FALSE FALSE" <<<"$said"
done
echo "as described"
