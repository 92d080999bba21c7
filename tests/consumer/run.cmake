# Builds and runs one consumer from nothing. Variables: WAY, SOURCE (this repository), BUILD (its build folder), WORK (scratch), GENERATOR,
# CXX, PYTHON.
set(CMAKE_EXECUTE_PROCESS_COMMAND_ECHO STDOUT)
file(REMOVE_RECURSE ${WORK}/build ${WORK}/prefix)

function(build_and_run)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCE}/tests/consumer/${WAY} -B ${WORK}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
                          -DCMAKE_BUILD_TYPE=Debug ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${WORK}/build/app COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(WAY STREQUAL "find_package")
  execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  build_and_run(-DCMAKE_PREFIX_PATH=${WORK}/prefix)
elseif(WAY STREQUAL "fetch_content")
  build_and_run(-DFETCHCONTENT_SOURCE_DIR_FRCNN=${SOURCE})
else()
  include(${SOURCE}/tests/consumer/conan/run.cmake)
endif()
