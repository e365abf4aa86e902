# Finds or fetches the sources of lwIP 2.2.1 and checks them, byte for byte, before anything uses them.
#
# As a module:  include(FetchLwip)  tunflow_fetch_lwip(<variable that receives the source directory>)
# As a script:  cmake -P native/cmake/FetchLwip.cmake
#
# In this order: LWIP_SOURCE_DIR (variable or environment), an archive in the cache directory, the upstream release,
# Debian's source package. Whatever the origin, the check is over the files that are compiled, so every origin must
# deliver upstream's exact code. The directory given by the caller is only read.

if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.21)
endif()

set(TUNFLOW_LWIP_VERSION 2.2.1)
# sha256sum over "hash  path" lines of src/core and src/include, sorted: identical for the upstream tag
# STABLE-2_2_1_RELEASE and for Debian's repacked archive (which leaves out files that are not compiled here).
set(TUNFLOW_LWIP_TREE_SHA256 8750b00bb9bd2001f7920740ac9cddce4e873cb0288f9b4f4ee65532eb943d08)
set(TUNFLOW_LWIP_URL "https://download.savannah.nongnu.org/releases/lwip/lwip-${TUNFLOW_LWIP_VERSION}.zip")
set(TUNFLOW_LWIP_DEBIAN_ARCHIVE "lwip_2.2.1+dfsg1.orig.tar.xz")
set(TUNFLOW_LWIP_DEBIAN_SHA256 83729c274c499d3348e9fbbe043a3113f3fa8953e7efddc7c21c7fcbb1f2b7b1)

set(_tunflow_fetch_dir "${CMAKE_CURRENT_LIST_DIR}")
get_filename_component(_tunflow_repository "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

# The equivalent of: find src/core src/include -name '*.[ch]' | LC_ALL=C sort | xargs sha256sum | sha256sum
function(_tunflow_lwip_tree_hash directory result)
  file(GLOB_RECURSE files RELATIVE "${directory}"
    "${directory}/src/core/*.c" "${directory}/src/core/*.h"
    "${directory}/src/include/*.c" "${directory}/src/include/*.h")
  list(SORT files COMPARE STRING)
  set(listing "")
  foreach(file IN LISTS files)
    file(SHA256 "${directory}/${file}" hash)
    string(APPEND listing "${hash}  ${file}\n")
  endforeach()
  string(SHA256 tree "${listing}")
  set(${result} "${tree}" PARENT_SCOPE)
endfunction()

function(_tunflow_lwip_check directory origin)
  if(NOT EXISTS "${directory}/src/core/tcp_in.c")
    message(FATAL_ERROR "lwIP from ${origin}: ${directory} has no src/core/tcp_in.c")
  endif()
  _tunflow_lwip_tree_hash("${directory}" hash)
  if(NOT hash STREQUAL TUNFLOW_LWIP_TREE_SHA256)
    message(FATAL_ERROR
      "lwIP from ${origin}: the files in ${directory} are not lwIP ${TUNFLOW_LWIP_VERSION}.\n"
      "  SHA-256 expected ${TUNFLOW_LWIP_TREE_SHA256}\n  SHA-256 found    ${hash}")
  endif()
endfunction()

# Unpacks beside the target, checks, then renames: an interrupted or refused unpacking leaves nothing behind that a
# later run would take for the real thing.
function(_tunflow_lwip_unpack archive target)
  set(scratch "${target}.unpacking")
  file(REMOVE_RECURSE "${scratch}")
  file(MAKE_DIRECTORY "${scratch}")
  file(ARCHIVE_EXTRACT INPUT "${archive}" DESTINATION "${scratch}")
  file(GLOB top LIST_DIRECTORIES true "${scratch}/*")
  list(LENGTH top count)
  if(NOT count EQUAL 1)
    message(FATAL_ERROR "lwIP: ${archive} should hold one directory, it holds ${count}")
  endif()
  _tunflow_lwip_tree_hash("${top}" hash)
  if(NOT hash STREQUAL TUNFLOW_LWIP_TREE_SHA256)
    file(REMOVE_RECURSE "${scratch}")
    file(REMOVE "${archive}") # else every later run would meet it again
    message(FATAL_ERROR
      "${archive} does not hold lwIP ${TUNFLOW_LWIP_VERSION} and was removed.\n"
      "  SHA-256 of its files expected ${TUNFLOW_LWIP_TREE_SHA256}\n"
      "  SHA-256 of its files found    ${hash}")
  endif()
  file(REMOVE_RECURSE "${target}")
  file(RENAME "${top}" "${target}")
  file(REMOVE_RECURSE "${scratch}")
endfunction()

function(_tunflow_lwip_download cache result)
  set(archive "${cache}/lwip-${TUNFLOW_LWIP_VERSION}.zip")
  message(STATUS "lwIP: trying the upstream release ${TUNFLOW_LWIP_URL}")
  file(DOWNLOAD "${TUNFLOW_LWIP_URL}" "${archive}.part" TIMEOUT 60 INACTIVITY_TIMEOUT 10 TLS_VERIFY ON STATUS status)
  list(GET status 0 code)
  list(GET status 1 reason)
  if(code EQUAL 0)
    # A portal's page answers any address with success; only an archive counts.
    execute_process(COMMAND "${CMAKE_COMMAND}" -E tar tf "${archive}.part" RESULT_VARIABLE code OUTPUT_QUIET ERROR_QUIET)
    set(reason "the answer is not an archive")
  endif()
  if(code EQUAL 0)
    file(RENAME "${archive}.part" "${archive}")
    set(${result} "${archive}" PARENT_SCOPE)
  else()
    file(REMOVE "${archive}.part")
    message(STATUS "lwIP: not reachable there (${reason})")
    set(${result} "" PARENT_SCOPE)
  endif()
endfunction()

function(_tunflow_lwip_debian cache result)
  message(STATUS "lwIP: trying Debian's source package")
  execute_process(
    COMMAND sh "${_tunflow_fetch_dir}/fetch-debian-source.sh" lwip trixie "${TUNFLOW_LWIP_DEBIAN_ARCHIVE}" "${cache}"
    RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(STATUS "lwIP: not available there:\n${output}")
    set(${result} "" PARENT_SCOPE)
    return()
  endif()
  set(${result} "${cache}/${TUNFLOW_LWIP_DEBIAN_ARCHIVE}" PARENT_SCOPE)
endfunction()

# A damaged archive in the cache is removed, so that the next origin gets its turn.
function(_tunflow_lwip_cached cache result)
  set(${result} "" PARENT_SCOPE)
  set(debian "${cache}/${TUNFLOW_LWIP_DEBIAN_ARCHIVE}")
  set(upstream "${cache}/lwip-${TUNFLOW_LWIP_VERSION}.zip")
  if(EXISTS "${debian}")
    file(SHA256 "${debian}" hash)
    if(hash STREQUAL TUNFLOW_LWIP_DEBIAN_SHA256)
      set(${result} "${debian}" PARENT_SCOPE)
      return()
    endif()
    message(STATUS "lwIP: ${debian} has SHA-256 ${hash}, expected ${TUNFLOW_LWIP_DEBIAN_SHA256}: removed")
    file(REMOVE "${debian}")
  endif()
  if(EXISTS "${upstream}")
    set(${result} "${upstream}" PARENT_SCOPE) # its files are checked after unpacking
  endif()
endfunction()

function(tunflow_fetch_lwip result)
  set(given "${LWIP_SOURCE_DIR}")
  if(NOT given)
    set(given "$ENV{LWIP_SOURCE_DIR}")
  endif()
  if(given)
    get_filename_component(given "${given}" ABSOLUTE)
    _tunflow_lwip_check("${given}" "LWIP_SOURCE_DIR")
    message(STATUS "lwIP: ${given} (LWIP_SOURCE_DIR), checked")
    set(${result} "${given}" PARENT_SCOPE)
    return()
  endif()

  if(NOT TUNFLOW_CACHE_DIR)
    set(TUNFLOW_CACHE_DIR "${_tunflow_repository}/build/cache")
  endif()
  set(target "${TUNFLOW_CACHE_DIR}/lwip-${TUNFLOW_LWIP_VERSION}")
  file(MAKE_DIRECTORY "${TUNFLOW_CACHE_DIR}")
  # Two configurations that start together must not unpack into the same place.
  file(LOCK "${TUNFLOW_CACHE_DIR}/lwip.lock" GUARD FUNCTION TIMEOUT 120)

  if(EXISTS "${target}/src/core/tcp_in.c")
    _tunflow_lwip_tree_hash("${target}" hash)
    if(hash STREQUAL TUNFLOW_LWIP_TREE_SHA256)
      message(STATUS "lwIP: ${target}, checked")
      set(${result} "${target}" PARENT_SCOPE)
      return()
    endif()
    message(STATUS "lwIP: ${target} was changed (SHA-256 ${hash}), unpacking it again")
  endif()

  foreach(origin IN ITEMS cached download debian)
    cmake_language(CALL _tunflow_lwip_${origin} "${TUNFLOW_CACHE_DIR}" archive)
    if(NOT archive)
      continue()
    endif()
    if(archive MATCHES "orig\\.tar\\.xz$")
      file(SHA256 "${archive}" hash)
      if(NOT hash STREQUAL TUNFLOW_LWIP_DEBIAN_SHA256)
        message(FATAL_ERROR "${archive}: SHA-256 ${hash}, expected ${TUNFLOW_LWIP_DEBIAN_SHA256}")
      endif()
    endif()
    _tunflow_lwip_unpack("${archive}" "${target}")
    message(STATUS "lwIP: ${target} from ${archive}, checked")
    set(${result} "${target}" PARENT_SCOPE)
    return()
  endforeach()

  message(FATAL_ERROR
    "lwIP ${TUNFLOW_LWIP_VERSION} could not be fetched. Set LWIP_SOURCE_DIR to an unpacked copy, or put "
    "lwip-${TUNFLOW_LWIP_VERSION}.zip or ${TUNFLOW_LWIP_DEBIAN_ARCHIVE} into ${TUNFLOW_CACHE_DIR}.")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  tunflow_fetch_lwip(_tunflow_lwip_directory)
endif()
