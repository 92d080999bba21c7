# Gives a script an empty working folder: cmake -DPYTHON= -DSCRIPT= -DPROGRAMS= -DWORK= -P run.cmake
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
execute_process(COMMAND ${PYTHON} ${SCRIPT} ${PROGRAMS} WORKING_DIRECTORY ${WORK} COMMAND_ERROR_IS_FATAL ANY)
