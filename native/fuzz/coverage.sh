#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What the committed corpus reaches of lwIP and the shim: replays it in a build that measures, prints the shares of lines
# (coverage.py) and fails where one of them is below LEAST percent. More corpora can be added.
#
#   native/fuzz/coverage.sh [LEAST] [BUILD_DIRECTORY] [CORPUS...]
set -eu
least=${1:-85}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${2:-$root/build/cmake/coverage}
[ $# -lt 2 ] || shift
[ $# -lt 1 ] || shift

cmake -S "$root" --preset coverage -B "$build" --log-level=NOTICE
cmake --build "$build" --target fuzz_abi
target=$build/native/fuzz/fuzz_abi
LLVM_PROFILE_FILE=$build/corpus.profraw "$target" -runs=0 -verbosity=0 "$root/native/fuzz/corpus/abi" "$@"
llvm-profdata-14 merge -o "$build/corpus.profdata" "$build/corpus.profraw"
llvm-cov-14 export -format=lcov -instr-profile="$build/corpus.profdata" "$target" >"$build/corpus.lcov"
exec python3 -B "$root/native/fuzz/coverage.py" "$least" <"$build/corpus.lcov"
