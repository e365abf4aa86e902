#!/bin/sh
# Measures and writes docs/performance.md and docs/performance.svg. ./build.sh bench calls this after the build; options go to bench.py.
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
