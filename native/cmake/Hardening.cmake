# Compiler and linker flags, as targets: tunflow_warnings and tunflow_hardening are linked by everything in native/.
include(CheckCCompilerFlag)

add_library(tunflow_warnings INTERFACE)
target_compile_options(tunflow_warnings INTERFACE -Wall -Wextra -Werror)

# Not CMake's -O3 -DNDEBUG: the C tests assert, and -O2 is what was measured.
set(CMAKE_C_FLAGS_RELEASE "-O2")

add_library(tunflow_hardening INTERFACE)
# lwIP reads packet headers through casts from byte pointers, hence no type-based alias analysis.
target_compile_options(tunflow_hardening INTERFACE -fvisibility=hidden -fno-strict-aliasing)
target_link_options(tunflow_hardening INTERFACE "LINKER:-z,relro,-z,now,-z,noexecstack")

function(_tunflow_harden flag)
  string(MAKE_C_IDENTIFIER "TUNFLOW_HAS${flag}" known)
  check_c_compiler_flag("${flag}" ${known})
  if(${known})
    target_compile_options(tunflow_hardening INTERFACE "${flag}")
  endif()
endfunction()

if(TUNFLOW_SANITIZE OR TUNFLOW_FUZZ OR TUNFLOW_COVERAGE)
  # The sanitizers bring their own checks; fortified libc calls would hide the accesses from them.
  target_compile_options(tunflow_hardening INTERFACE -O1 -g -fno-omit-frame-pointer)
else()
  _tunflow_harden(-fstack-protector-strong)
  _tunflow_harden(-fstack-clash-protection)
  # Uninitialised automatic variables read as zero instead of as old stack contents.
  _tunflow_harden(-ftrivial-auto-var-init=zero)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i.86)$")
    _tunflow_harden(-fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
    _tunflow_harden(-mbranch-protection=standard)
  endif()
  # _FORTIFY_SOURCE needs an optimising build. The compiler may predefine it, hence -U first.
  target_compile_options(tunflow_hardening INTERFACE
    "$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>"
    "$<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>")
endif()

if(TUNFLOW_SANITIZE)
  string(REPLACE ";" "," _sanitizers "${TUNFLOW_SANITIZE}")
  target_compile_options(tunflow_hardening INTERFACE -fsanitize=${_sanitizers} -fno-sanitize-recover=all)
  target_link_options(tunflow_hardening INTERFACE -fsanitize=${_sanitizers})
endif()
if(TUNFLOW_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "TUNFLOW_FUZZ needs clang (libFuzzer), not ${CMAKE_C_COMPILER}")
  endif()
  # Instrumentation only: the fuzz targets add the driver with -fsanitize=fuzzer at their link.
  target_compile_options(tunflow_hardening INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(TUNFLOW_COVERAGE)
  if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
    target_compile_options(tunflow_hardening INTERFACE -fprofile-instr-generate -fcoverage-mapping)
    target_link_options(tunflow_hardening INTERFACE -fprofile-instr-generate)
  else()
    target_compile_options(tunflow_hardening INTERFACE --coverage)
    target_link_options(tunflow_hardening INTERFACE --coverage)
  endif()
endif()
