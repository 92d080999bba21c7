# Gives a script an empty working folder: cmake -DPYTHON= -DSCRIPT= -DPROGRAMS= -DWORK= -P run.cmake
# A script that passes leaves nothing behind, for all of them write 20 GB. What a failed one wrote stays, to be looked at.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
execute_process(COMMAND ${PYTHON} ${SCRIPT} ${PROGRAMS} WORKING_DIRECTORY ${WORK} COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE_RECURSE ${WORK})
