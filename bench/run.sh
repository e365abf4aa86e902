#!/bin/sh
# ./build.sh bench calls this after the build. `micro` measures the pieces, in build/benchmarks; `--profile` where the time goes; anything else measures
# the tool and writes docs/performance.md and docs/performance.svg, with options for bench.py.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
case " $* " in *" --profile "*)
    for option in "$@"; do
        shift
        [ "$option" = --profile ] || set -- "$@" "$option"
    done
    exec sh "$root/bench/profile.sh" "$@"
    ;;
esac
managed=${ArtifactsPath:-$root/build/managed}
if [ "${1:-}" = micro ]; then
    shift
    results=$root/build/benchmarks
    mkdir -p "$results"
    # Options choose among the managed ones: --filter '*Datagram*'.
    for mode in --bulk --flat; do
        "$(find "$root/build/native" -name tunflow-shim-bench -type f)" $mode >"$results/native$mode.md" || echo "bench: native $mode failed" >&2
        cat "$results/native$mode.md"
    done
    exec dotnet exec "$managed/bin/TunFlow.Benchmarks/release/TunFlow.Benchmarks.dll" --output "$results" "$@"
fi
# What was published for the measurement, or what the tests have built.
tool=$root/build/bench/tool/TunFlow.Cli.dll
case " $* " in *" --short "*) tool=$managed/bin/TunFlow.Cli/release/TunFlow.Cli.dll ;; esac
variants=$managed/bin/TunFlow.Bench.Variants/release/TunFlow.Bench.Variants.dll
case " $* " in *" --report "*) ;; *) [ -f "$tool" ] || { echo "bench: $tool was not built; ./build.sh bench builds it" >&2; exit 1; } ;; esac
[ -f "$variants" ] || variants=
for tools in "$root"/build/native/*-tools; do :; done
[ -f "$tools/tunflow-load" ] || { echo "bench: $root/build/native has no tunflow-load; ./build.sh native builds it" >&2; exit 1; }
[ "$(id -u)" = 0 ] || case " $* " in *" --short "* | *" --report "*) ;; *) echo "bench: needs root, to create network namespaces" >&2; exit 1 ;; esac
exec python3 -B "$root/bench/bench.py" --results "$root/build/bench/results.json" --document "$root/docs/performance.md" \
    --tools "$tools" ${variants:+--variants "$variants"} "$@" -- dotnet exec "$tool"
