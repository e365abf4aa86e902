#!/bin/sh
# Where the tunnel's processor time goes: records perf of `tunflow up` under one stream, and prints shares by group, and the top symbols of each.
#   ./build.sh bench --profile [--direction up|down|both|udp|connections] [--seconds 10] [--tunnel tunflow|general|plain]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
command -v perf >/dev/null 2>&1 || { echo "bench: perf is missing (Debian: apt-get install linux-perf)" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "bench: needs root, to create network namespaces and to see the kernel's symbols" >&2; exit 1; }
for load in "$root"/build/native/*-tools/tunflow-load; do :; done
# The library as it is shipped has no symbols; this one differs in them and in frame pointers.
(cd "$root" && cmake --preset profile --log-level=NOTICE && cmake --build build/cmake/profile --target tunflow_lwip) >&2
library=$(ls "$root"/build/cmake/profile/native/*/libtunflow_lwip.so)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Programs that have it beside runtimes/ or in it: both are replaced.
copy_of() {
    [ -d "$1" ] || return 0
    cp -r "$1/." "$work/$2"
    find "$work/$2" -name libtunflow_lwip.so -exec cp "$library" {} \;
}
mkdir "$work/tool" "$work/variants"
copy_of "$root/build/bench/tool" tool
copy_of "${ArtifactsPath:-$root/build/managed}/bin/TunFlow.Bench.Variants/release" variants
[ -f "$work/tool/TunFlow.Cli.dll" ] || { echo "bench: the tool was not published; ./build.sh bench does that" >&2; exit 1; }
python3 -B "$root/bench/profile_tunnel.py" --library "$library" --load "$load" \
    --tool "$work/tool/TunFlow.Cli.dll" --variants "$work/variants/TunFlow.Bench.Variants.dll" --work "$work" "$@"
