# lwIP keeps its state in globals, so several isolated stacks in one process take several copies of it. The file
# native/src/tf_instance.c contains (by #include) lwIP's core and the shim; it is compiled once per instance with every
# global symbol renamed to tf<i>_<symbol>:
#
#   probe object --nm--> list of its global symbols --> tf_rename.h --forced include--> instance objects 0..N-1
#
# Where nothing but names differs between the instances and the object format is ELF, objcopy makes them out of the
# probe by the same list, which takes a hundredth of the time of compiling each. Not under sanitizers and coverage:
# their own symbols follow the variables' names and would collide.
#
# native/src/api.c, native/src/tf_common*.c and lwIP's stateless def.c are compiled once and see the instances through
# the one symbol that each of them is reached by, tf<i>_tf_instance_ops. A check after the compilation proves that the
# instances share nothing.

set(_tunflow_stack_dir "${CMAKE_CURRENT_LIST_DIR}")

set(_copy OFF)
if(CMAKE_EXECUTABLE_FORMAT STREQUAL "ELF" AND CMAKE_OBJCOPY
   AND NOT TUNFLOW_SANITIZE AND NOT TUNFLOW_COVERAGE AND NOT TUNFLOW_FUZZ)
  set(_copy ON)
endif()
option(TUNFLOW_COPY_INSTANCES "Make the instances from one object with objcopy instead of compiling each" ${_copy})

function(_tunflow_instance_settings target)
  target_include_directories(${target} PRIVATE
    "${TUNFLOW_NATIVE_DIR}/include" "${TUNFLOW_NATIVE_DIR}/src" "${TUNFLOW_NATIVE_DIR}/port"
    "${TUNFLOW_LWIP_DIR}/src/include" "${TUNFLOW_LWIP_DIR}/src" "${TUNFLOW_LWIP_DIR}/src/core")
  target_link_libraries(${target} PRIVATE tunflow_warnings tunflow_hardening)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# tunflow_add_stack(<name> INSTANCES <n> [DEFINES <definition>...])
#
# Makes the static library <name> with <n> instances and the C ABI, and <name>_parts (a list of its objects, for a
# shared library). In api.c and tf_common*.c TUNFLOW_INSTANCES is <n> and "tf_instances.h" defines TF_INSTANCE_LIST(X),
# which expands to X(0) X(1) ... X(n-1). Tests that want a variant (a cure taken out) call it with their own name and definitions.
function(tunflow_add_stack name)
  cmake_parse_arguments(arg "" "INSTANCES" "DEFINES" ${ARGN})
  set(unity "${TUNFLOW_NATIVE_DIR}/src/tf_instance.c")
  set(generated "${CMAKE_CURRENT_BINARY_DIR}/${name}")
  file(MAKE_DIRECTORY "${generated}")

  add_library(${name}_probe OBJECT "${unity}")
  _tunflow_instance_settings(${name}_probe)
  target_compile_definitions(${name}_probe PRIVATE TF_INSTANCE=0 ${arg_DEFINES})

  add_custom_command(
    OUTPUT "${generated}/tf_rename.h"
    COMMAND "${CMAKE_COMMAND}" -DNM=${CMAKE_NM} -DOBJECT=$<TARGET_OBJECTS:${name}_probe>
            -DOUTPUT=${generated}/tf_rename.h -DINSTANCES=${arg_INSTANCES} -P "${_tunflow_stack_dir}/RenameSymbols.cmake"
    DEPENDS $<TARGET_OBJECTS:${name}_probe> "${_tunflow_stack_dir}/RenameSymbols.cmake"
    COMMENT "Listing the global symbols of one ${name} instance"
    VERBATIM)
  add_custom_target(${name}_rename DEPENDS "${generated}/tf_rename.h")

  math(EXPR last "${arg_INSTANCES} - 1")
  set(list "")
  set(objects "")
  foreach(i RANGE ${last})
    string(APPEND list " X(${i})")
    if(TUNFLOW_COPY_INSTANCES)
      add_custom_command(
        OUTPUT "${generated}/instance_${i}.o"
        COMMAND "${CMAKE_OBJCOPY}" --redefine-syms=${generated}/tf_rename.${i}.map
                $<TARGET_OBJECTS:${name}_probe> "${generated}/instance_${i}.o"
        DEPENDS $<TARGET_OBJECTS:${name}_probe> "${generated}/tf_rename.h"
        COMMENT "Making instance ${i} of ${name}"
        VERBATIM)
      list(APPEND objects "${generated}/instance_${i}.o")
    else()
      add_library(${name}_${i} OBJECT "${unity}")
      _tunflow_instance_settings(${name}_${i})
      target_compile_definitions(${name}_${i} PRIVATE TF_INSTANCE=${i} ${arg_DEFINES})
      target_compile_options(${name}_${i} PRIVATE -include "${generated}/tf_rename.h")
      add_dependencies(${name}_${i} ${name}_rename)
      list(APPEND objects $<TARGET_OBJECTS:${name}_${i}>)
    endif()
  endforeach()
  file(CONFIGURE OUTPUT "${generated}/tf_instances.h" CONTENT
    "/* Generated. */\n#define TF_INSTANCE_LIST(X)@list@\n" @ONLY)

  file(GLOB common CONFIGURE_DEPENDS "${TUNFLOW_NATIVE_DIR}/src/tf_common*.c")
  add_library(${name}_api OBJECT "${TUNFLOW_NATIVE_DIR}/src/api.c" ${common} "${TUNFLOW_LWIP_DIR}/src/core/def.c")
  _tunflow_instance_settings(${name}_api)
  target_include_directories(${name}_api PRIVATE "${generated}")
  target_compile_definitions(${name}_api PRIVATE TUNFLOW_INSTANCES=${arg_INSTANCES} ${arg_DEFINES})

  add_custom_command(
    OUTPUT "${generated}/isolation.txt"
    COMMAND "${CMAKE_COMMAND}" -DNM=${CMAKE_NM} "-DOBJECTS=${objects}" "-DCOMMON=$<TARGET_OBJECTS:${name}_api>"
            -DALLOWED=${_tunflow_stack_dir}/instance-imports.txt
            -DOUTPUT=${generated}/isolation.txt -P "${_tunflow_stack_dir}/CheckIsolation.cmake"
    DEPENDS ${objects} $<TARGET_OBJECTS:${name}_api> "${_tunflow_stack_dir}/CheckIsolation.cmake" "${_tunflow_stack_dir}/instance-imports.txt"
    COMMENT "Checking that the instances of ${name} share no state"
    VERBATIM)
  add_custom_target(${name}_isolation DEPENDS "${generated}/isolation.txt")

  set(parts ${objects} $<TARGET_OBJECTS:${name}_api>)
  set(${name}_parts "${parts}" PARENT_SCOPE)
  add_library(${name} STATIC ${parts})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
  target_include_directories(${name} PUBLIC "${TUNFLOW_NATIVE_DIR}/include")
  target_link_libraries(${name} PUBLIC tunflow_hardening)
  add_dependencies(${name} ${name}_isolation)
endfunction()
