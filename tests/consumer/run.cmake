# Builds and runs one consumer from nothing. Variables: WAY, SOURCE (this repository), BUILD (its build folder), WORK (scratch), GENERATOR,
# CXX, PYTHON; NVCC for WAY=cuda, and NCCL, whether it has that component too; BLAS, which is OFF where the build that is tested has none.
set(CMAKE_EXECUTE_PROCESS_COMMAND_ECHO STDOUT)
file(REMOVE_RECURSE ${WORK}/build ${WORK}/prefix ${WORK}/tree ${WORK}/user)

# The least work for a compiler: no optimisation, and nobody looks for a fault here with a debugger.
set(quick -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DFRCNN_BLAS=${BLAS})
if(EXISTS ${SOURCE}/third_party)  # the libraries of a bundle, for who is not inside of it
  set(ENV{CMAKE_PREFIX_PATH} ${SOURCE}/third_party)
endif()

function(build_and_run)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE}/tests/consumer/${WAY} -B ${WORK}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
                          ${quick} ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${WORK}/build/app COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(WAY STREQUAL "find_package")
  # As docs/embedding.md has it, on a machine without what only tests, benchmarks and programs need.
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/tree -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX} -DFRCNN_TESTS=OFF
                          -DFRCNN_BENCH=OFF -DFRCNN_EXAMPLES=OFF -DCMAKE_DISABLE_FIND_PACKAGE_doctest=ON
                          -DCMAKE_DISABLE_FIND_PACKAGE_benchmark=ON -DCMAKE_DISABLE_FIND_PACKAGE_CLI11=ON OUTPUT_QUIET
                  COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${WORK}/tree --prefix ${WORK}/prefix OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  build_and_run(-DCMAKE_PREFIX_PATH=${WORK}/prefix)
  # Header-only without -ffp-contract=off, but for the file that includes the library.
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE}/tests/consumer/exact -B ${WORK}/user -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
                          ${quick} -DCMAKE_PREFIX_PATH=${WORK}/prefix COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/user COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${WORK}/user/app COMMAND_ERROR_IS_FATAL ANY)
  file(READ ${WORK}/user/compile_commands.json commands)
  foreach(i IN ITEMS 0 1)
    string(JSON file GET "${commands}" ${i} file)
    string(JSON command GET "${commands}" ${i} command)
    string(FIND "${command}" "-ffp-contract=off" flag)
    if((file MATCHES "overlap.cpp$" AND flag EQUAL -1) OR (file MATCHES "main.cpp$" AND NOT flag EQUAL -1))
      message(FATAL_ERROR "expected -ffp-contract=off for overlap.cpp alone: ${command}")
    endif()
  endforeach()
elseif(WAY STREQUAL "compiled")
  # Where there is nvcc, the presets on CUDA too: a family of them.
  set(presets)
  set(on_cuda OFF)
  if(NVCC)
    set(on_cuda ON)
    set(presets -DFRCNN_CUDA=ON -DFRCNN_CUDA_FAMILIES=torchvision -DFRCNN_QUICK_BUILD=ON)
  endif()
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/tree -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX} -DFRCNN_TESTS=OFF
                          -DFRCNN_BENCH=OFF -DFRCNN_EXAMPLES=OFF -DFRCNN_COMPILED=ON -DFRCNN_FAST=OFF -DFRCNN_ONEDNN=OFF
                          ${presets} ${quick} -DCMAKE_INSTALL_PREFIX=${WORK}/prefix COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/tree --target install COMMAND_ERROR_IS_FATAL ANY)
  build_and_run(-DCMAKE_PREFIX_PATH=${WORK}/prefix -DON_CUDA=${on_cuda})
  if(on_cuda)
    execute_process(COMMAND ${WORK}/build/app_on_cuda COMMAND_ERROR_IS_FATAL ANY)
  endif()
elseif(WAY STREQUAL "fetch_content")
  build_and_run(-DFETCHCONTENT_SOURCE_DIR_FRCNN=${SOURCE})
  # The compiled library is built elsewhere (compiled): here its targets are there, and what they stand on can be exported.
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE}/tests/consumer/fetch_compiled -B ${WORK}/compiled -G ${GENERATOR}
                          -DCMAKE_CXX_COMPILER=${CXX} -DFETCHCONTENT_SOURCE_DIR_FRCNN=${SOURCE} ERROR_VARIABLE said COMMAND_ERROR_IS_FATAL ANY)
  if(NOT said MATCHES "without CMAKE_BUILD_TYPE")
    message(FATAL_ERROR "expected a warning of a build that is not optimised, found '${said}'")
  endif()
elseif(WAY STREQUAL "cuda")
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/tree -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX} -DFRCNN_TESTS=OFF
                          -DFRCNN_BENCH=OFF -DFRCNN_EXAMPLES=OFF -DFRCNN_CUDA=ON OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${WORK}/tree --prefix ${WORK}/prefix OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  set(cuda -DCMAKE_CUDA_COMPILER=${NVCC} -DCMAKE_CUDA_ARCHITECTURES=90 -DNCCL=${NCCL})
  build_and_run(-DCMAKE_PREFIX_PATH=${WORK}/prefix ${cuda})
  file(REMOVE_RECURSE ${WORK}/build)
  build_and_run(-DFETCHCONTENT_SOURCE_DIR_FRCNN=${SOURCE} ${cuda})
elseif(WAY STREQUAL "export")
  set(settings -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX} ${quick})
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE}/tests/consumer/export/product -B ${WORK}/build ${settings}
                          -DFETCHCONTENT_SOURCE_DIR_FRCNN=${SOURCE} COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${WORK}/build --prefix ${WORK}/prefix COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE}/tests/consumer/export/user -B ${WORK}/user ${settings}
                          -DCMAKE_PREFIX_PATH=${WORK}/prefix OUTPUT_VARIABLE said ECHO_OUTPUT_VARIABLE COMMAND_ERROR_IS_FATAL ANY)
  if(NOT said MATCHES "frcnn: engine")
    message(FATAL_ERROR "find_package does not say which engines result")
  endif()
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/user COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${WORK}/user/app COMMAND_ERROR_IS_FATAL ANY)
else()
  include(${SOURCE}/tests/consumer/conan/run.cmake)
endif()
