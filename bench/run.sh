#!/bin/sh
# ./build.sh bench calls this after the build. `micro` measures the pieces, in build/benchmarks; anything else measures the tool and writes
# docs/performance.md, with options for bench.py.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
managed=${ArtifactsPath:-$root/build/managed}/bin
if [ "${1:-}" = micro ]; then
    shift
    results=$root/build/benchmarks
    mkdir -p "$results"
    # Options choose among the managed ones: --filter '*Datagram*'.
    for mode in --bulk --flat; do
        "$(find "$root/build/native" -name tunflow-shim-bench -type f)" $mode >"$results/native$mode.md" || echo "bench: native $mode failed" >&2
        cat "$results/native$mode.md"
    done
    exec dotnet exec "$managed/TunFlow.Benchmarks/release/TunFlow.Benchmarks.dll" --output "$results" "$@"
fi
tool=$managed/TunFlow.Cli/release/TunFlow.Cli.dll
[ -f "$tool" ] || { echo "bench: $tool was not built; ./build.sh bench builds it" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "bench: needs root, to create network namespaces" >&2; exit 1; }
exec python3 -B "$root/bench/bench.py" --output "$root/docs/performance.md" "$@" -- dotnet exec "$tool"
