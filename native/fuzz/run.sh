#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Fuzzes the C ABI for a number of seconds:
#
#   native/fuzz/run.sh [SECONDS] [BUILD_DIRECTORY]
#
# Builds the target with clang, AddressSanitizer and UndefinedBehaviorSanitizer (CMake preset "fuzz"; another build
# directory may be given), starts from the committed seeds and keeps new inputs in the build directory, so that the next
# run goes on from there. An input may take 10 seconds and 2 GiB. Exit code 0: no finding.
set -eu
seconds=${1:-30}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${2:-$root/build/cmake/fuzz}

cmake -S "$root" --preset fuzz -B "$build" --log-level=NOTICE
cmake --build "$build" --target fuzz_abi
mkdir -p "$build/fuzzing/corpus"

# A finding is written beside the corpus, under the name that libFuzzer prints.
exec "$build/native/fuzz/fuzz_abi" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/fuzzing/" "$build/fuzzing/corpus" "$root/native/fuzz/corpus/abi"
