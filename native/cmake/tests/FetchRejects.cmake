# cmake -DLWIP_DIR=<checked sources> -DWORK_DIR= -P FetchRejects.cmake
# The check of the lwIP sources has to notice one changed byte, a missing file and a file too many, and a cached
# archive with another content must neither be used nor stay.
cmake_minimum_required(VERSION 3.21)
get_filename_component(fetch "${CMAKE_CURRENT_LIST_DIR}/../FetchLwip.cmake" ABSOLUTE)

function(fresh_copy)
  file(REMOVE_RECURSE "${WORK_DIR}")
  file(MAKE_DIRECTORY "${WORK_DIR}/src")
  file(COPY "${LWIP_DIR}/src/core" "${LWIP_DIR}/src/include" DESTINATION "${WORK_DIR}/src")
endfunction()

function(expect what code_expected text)
  set(ENV{LWIP_SOURCE_DIR} "${WORK_DIR}")
  execute_process(COMMAND "${CMAKE_COMMAND}" -P "${fetch}" RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}") # CMake wraps its messages
  if(NOT code EQUAL code_expected OR NOT output MATCHES "${text}")
    message(FATAL_ERROR "${what}: exit code ${code}, expected ${code_expected} with \"${text}\":\n${output}")
  endif()
  message(STATUS "${what}: as expected")
endfunction()

fresh_copy()
expect("the untouched sources" 0 "checked")

file(APPEND "${WORK_DIR}/src/core/tcp_in.c" " ")
expect("one byte more" 1 "are not lwIP 2.2.1")

fresh_copy()
file(REMOVE "${WORK_DIR}/src/include/lwip/ip6_frag.h")
expect("a header that is missing" 1 "are not lwIP 2.2.1")

fresh_copy()
file(WRITE "${WORK_DIR}/src/core/extra.c" "int extra;\n")
expect("a source that does not belong there" 1 "are not lwIP 2.2.1")

# An archive of the right name with changed contents: refused, and removed so that the next run can fetch another.
fresh_copy()
file(APPEND "${WORK_DIR}/src/core/udp.c" " ")
set(cache "${WORK_DIR}/cache")
file(MAKE_DIRECTORY "${cache}")
get_filename_component(parent "${WORK_DIR}" DIRECTORY)
get_filename_component(name "${WORK_DIR}" NAME)
execute_process(
  COMMAND "${CMAKE_COMMAND}" -E tar cf "${cache}/lwip-2.2.1.zip" --format=zip "${name}/src"
  WORKING_DIRECTORY "${parent}" COMMAND_ERROR_IS_FATAL ANY)
unset(ENV{LWIP_SOURCE_DIR})
execute_process(
  COMMAND "${CMAKE_COMMAND}" "-DTUNFLOW_CACHE_DIR=${cache}" -P "${fetch}"
  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
string(REGEX REPLACE "[ \n]+" " " output "${output}")
if(NOT code EQUAL 1 OR NOT output MATCHES "does not hold lwIP 2.2.1 and was removed" OR EXISTS "${cache}/lwip-2.2.1.zip")
  message(FATAL_ERROR "a changed archive in the cache: exit code ${code}:\n${output}")
endif()
message(STATUS "a changed archive in the cache: as expected")
file(REMOVE_RECURSE "${WORK_DIR}")
