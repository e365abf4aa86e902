#!/bin/sh
# Measures and writes docs/performance.md. ./build.sh bench calls this after the build; options go to bench.py.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
tool=${ArtifactsPath:-$root/build/managed}/bin/TunFlow.Cli/release/TunFlow.Cli.dll
[ -f "$tool" ] || { echo "bench: $tool was not built; ./build.sh bench builds it" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "bench: needs root, to create network namespaces" >&2; exit 1; }
exec python3 -B "$root/bench/bench.py" --output "$root/docs/performance.md" "$@" -- dotnet exec "$tool"
