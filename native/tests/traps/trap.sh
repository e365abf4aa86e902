#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Proves that a test would notice if a cure of one of lwIP's traps were lost: builds the library with one stack, with
# AddressSanitizer and with the cure taken out (-DTF_UNCURE_<NAME>=1), and passes only if each named test then fails.
#
#   trap.sh NAME OBJECTS_FILE LWIP_DIR NATIVE_DIR WORK_DIR COMPILER TEST...
#
# NAME may join cures with "+", where either alone is enough. NAME "none" takes nothing out: every test must pass. That
# control run makes the other results mean something.
# A test named "build" stands for the build itself, which must then fail.
set -u
name=$1 objects=$2 lwip=$3 native=$4 work=$5 compiler=$6
shift 6

rm -rf "$work"
mkdir -p "$work" || exit 2
printf '#define TF_INSTANCE_LIST(X) X(0)\n' > "$work/tf_instances.h"

flags="-std=gnu11 -O0 -w -fno-strict-aliasing -fsanitize=address"
flags="$flags -DTF_TEST_HOOKS=1 -DTUNFLOW_INSTANCES=1 -DTF_INSTANCE=0"
for cure in $(echo "$name" | tr + " "); do
    [ "$cure" = none ] || flags="$flags -DTF_UNCURE_$cure=1"
done
includes="-I$work -I$native/include -I$native/src -I$native/port -I$lwip/src/include -I$lwip/src -I$lwip/src/core"

# One stack needs no renaming, except of the name that api.c reaches it by.
# shellcheck disable=SC2086  # the flags are words
build() {
    "$compiler" $flags $includes -Dtf_instance_ops=tf0_tf_instance_ops -c "$native/src/tf_instance.c" -o "$work/instance.o" || return 1
    for source in "$native"/src/api.c "$native"/src/tf_common*.c "$lwip/src/core/def.c"; do
        "$compiler" $flags $includes -c "$source" -o "$work/$(basename "$source" .c).o" || return 1
    done
    "$compiler" -fsanitize=address -o "$work/tests" "@$objects" "$work"/*.o -lpthread
}

if [ "$*" = build ]; then
    if build > "$work/build.log" 2>&1; then
        echo "FAILED: without the cure $name it still builds"
        exit 1
    fi
    grep -m 3 error "$work/build.log"
    echo "without the cure $name the build fails: ok"
    exit 0
fi
build || { echo "FAILED: the variant $name doesn't build"; exit 2; }

result=0
for test in "$@"; do
    "$work/tests" "$test" > "$work/$test.log" 2>&1
    code=$?
    if [ "$name" = none ]; then
        [ $code -eq 0 ] || { cat "$work/$test.log"; echo "FAILED: $test fails with every cure in place"; result=1; }
    elif [ $code -eq 1 ]; then
        echo "without the cure $name, $test fails: ok"
        grep -m 3 -E 'ERROR: AddressSanitizer|runtime error|^ +/.*:[0-9]+: |ended by signal' "$work/$test.log"
    else
        echo "FAILED: without the cure $name, $test does not fail (exit code $code)"
        result=1
    fi
done
rm -f "$work"/*.o "$work/tests"
exit $result
