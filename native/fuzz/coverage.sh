#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What the committed corpus reaches of lwIP's TCP: replays it in a build that measures, prints the share of lines of
# tcp_in.c and tcp_out.c and fails below LEAST percent.
#
#   native/fuzz/coverage.sh [LEAST] [BUILD_DIRECTORY]
set -eu
least=${1:-60}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${2:-$root/build/cmake/coverage}

cmake -S "$root" --preset coverage -B "$build" --log-level=NOTICE
cmake --build "$build" --target fuzz_abi
target=$build/native/fuzz/fuzz_abi
LLVM_PROFILE_FILE=$build/corpus.profraw "$target" -runs=0 -verbosity=0 "$root/native/fuzz/corpus/abi"
llvm-profdata-14 merge -o "$build/corpus.profdata" "$build/corpus.profraw"
llvm-cov-14 export -format=lcov -instr-profile="$build/corpus.profdata" "$target" |
    awk -F: -v least="$least" '
        $1 == "SF" { file = $2; sub(/.*\//, "", file) }
        $1 == "LF" { lines[file] = $2 }
        $1 == "LH" { hit[file] = $2 }
        END {
            split("tcp_in.c tcp_out.c", wanted, " ")
            for (i = 1; i in wanted; i++) {
                share = lines[wanted[i]] ? 100 * hit[wanted[i]] / lines[wanted[i]] : 0
                printf "corpus coverage of %s: %.1f %% of lines\n", wanted[i], share
                low = low || share < least
            }
            exit low
        }'
