# `conan create` of the repository, with the requirements served by system/conanfile.py; no recipe is fetched. Conan itself comes from PyPI.
# The part of ../run.cmake for WAY=conan.
set(venv ${WORK}/venv)
set(conan ${venv}/bin/conan)
set(ENV{CONAN_HOME} ${WORK}/home)
set(ENV{CXX} ${CXX})
set(ENV{CMAKE_GENERATOR} ${GENERATOR})
file(REMOVE_RECURSE ${WORK}/home ${WORK}/test)

if(NOT EXISTS ${conan})
  execute_process(COMMAND ${PYTHON} -m venv ${venv} RESULT_VARIABLE failed)
  if(NOT failed)
    execute_process(COMMAND ${venv}/bin/python -m pip install --quiet --disable-pip-version-check "conan>=2.4,<3" RESULT_VARIABLE failed)
  endif()
  if(failed)
    file(REMOVE_RECURSE ${venv})
    message("skipped: conan could not be installed from PyPI")
    return()
  endif()
endif()

execute_process(COMMAND ${conan} profile detect COMMAND_ERROR_IS_FATAL ANY)
set(recipe ${SOURCE}/tests/consumer/conan/system)
foreach(reference xtensor/0.24.3 xtensor-blas/0.20.0 openblas/0.3.21 onednn/2.6.3 xsimd/8.1.0 pugixml/1.13 stb/cci.20220909
                  libjpeg-turbo/2.1.5 nlohmann_json/3.11.2)
  string(REPLACE "/" ";" parts ${reference})
  list(GET parts 0 name)
  list(GET parts 1 version)
  execute_process(COMMAND ${conan} export ${recipe} --name ${name} --version ${version} OUTPUT_QUIET ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
endforeach()
# The options cuda and nccl ask for the system's toolkit and NCCL, which the configuration looks for, and give the components.
set(options -o "frcnn/*:blas=True")
if(NVCC)
  set(ENV{CUDACXX} ${NVCC})
  list(APPEND options -o "frcnn/*:cuda=True")
  if(NCCL)
    list(APPEND options -o "frcnn/*:nccl=True")
  endif()
endif()
# test_folder and user_presets: nothing is written into the repository.
execute_process(COMMAND ${conan} create ${SOURCE} --no-remote --build=missing -s build_type=Debug ${options}
                        -c tools.cmake.cmaketoolchain:generator=${GENERATOR}
                        -c tools.cmake.cmake_layout:test_folder=${WORK}/test -c tools.cmake.cmaketoolchain:user_presets=
                        COMMAND_ERROR_IS_FATAL ANY)
# A compiled package is built against what Conan gives, which is generated for it too.
execute_process(COMMAND ${conan} install ${SOURCE} --no-remote --build=missing -s build_type=Debug -o "&:compiled=True"
                        -c tools.cmake.cmaketoolchain:user_presets= --output-folder ${WORK}/compiled OUTPUT_QUIET ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(GLOB_RECURSE found ${WORK}/compiled/xtensor-config.cmake ${WORK}/compiled/xtensorConfig.cmake)
if(NOT found)
  message(FATAL_ERROR "conan install with compiled: expected xtensor's package file, found none in ${WORK}/compiled")
endif()
# What the documented command asks for: no recipe that ConanCenter lacks, whatever is served here.
execute_process(COMMAND ${conan} graph info ${SOURCE} --no-remote -s build_type=Debug --format=json OUTPUT_VARIABLE graph ERROR_QUIET
                COMMAND_ERROR_IS_FATAL ANY)
foreach(absent xtensor-blas onednn)
  if(graph MATCHES "\"${absent}/")
    message(FATAL_ERROR "conan create by default: expected requirements that ConanCenter has, found ${absent}")
  endif()
endforeach()
