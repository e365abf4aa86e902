# cmake -DNM= -DOBJECT= -DOUTPUT=<dir>/tf_rename.h -DINSTANCES=<n> -P RenameSymbols.cmake
# Writes a header that renames every global symbol of OBJECT to tf<TF_INSTANCE>_<symbol>, and beside it the same for
# objcopy, tf_rename.<i>.map for every instance.
cmake_minimum_required(VERSION 3.21)
execute_process(COMMAND "${NM}" -g --defined-only "${OBJECT}" OUTPUT_VARIABLE lines RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "${NM} failed on ${OBJECT}")
endif()

# "<value> <type> <symbol>". Compilers and sanitizers add names that begin with __ or contain a dot; those cannot be
# reached by the preprocessor and are local to the object or merged on purpose.
string(REGEX MATCHALL "[^\n]+" lines "${lines}")
set(symbols "")
foreach(line IN LISTS lines)
  if(line MATCHES " [A-Za-z] ([A-Za-z_][A-Za-z0-9_]*)$")
    set(symbol "${CMAKE_MATCH_1}")
    if(NOT symbol MATCHES "^__")
      list(APPEND symbols "${symbol}")
    endif()
  endif()
endforeach()
list(SORT symbols)
list(REMOVE_DUPLICATES symbols)
list(LENGTH symbols count)
if(count EQUAL 0)
  message(FATAL_ERROR "${OBJECT} has no global symbols: nothing to rename")
endif()

# lwIP declares these only while no macro of the name exists, so a renaming macro would hide their prototypes. They
# keep no state: def.c is compiled once, outside the instances, where the port does not replace them by macros.
foreach(symbol IN ITEMS lwip_htons lwip_htonl lwip_itoa lwip_strnstr lwip_strnistr lwip_stricmp lwip_strnicmp
        lwip_memcmp_consttime)
  if(symbol IN_LIST symbols)
    message(FATAL_ERROR "${OBJECT} defines ${symbol}: take def.c out of tf_instance.c, it is compiled once for all")
  endif()
endforeach()

set(text "/* Generated from the symbols of one instance: ${count} names. */\n")
string(APPEND text "#define TF_RENAME_JOIN(i, s) tf##i##_##s\n#define TF_RENAME(i, s) TF_RENAME_JOIN(i, s)\n")
foreach(symbol IN LISTS symbols)
  string(APPEND text "#define ${symbol} TF_RENAME(TF_INSTANCE, ${symbol})\n")
endforeach()

get_filename_component(directory "${OUTPUT}" DIRECTORY)
math(EXPR last "${INSTANCES} - 1")
foreach(i RANGE ${last})
  set(map "")
  foreach(symbol IN LISTS symbols)
    string(APPEND map "${symbol} tf${i}_${symbol}\n")
  endforeach()
  file(WRITE "${directory}/tf_rename.${i}.map" "${map}")
endforeach()

# Untouched when equal, so that a rebuild of the probe does not recompile every instance.
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" old)
  if(old STREQUAL text)
    return()
  endif()
endif()
file(WRITE "${OUTPUT}" "${text}")
