#!/bin/sh
# The main job, shown: real programs through a TUN, lwIP and a dialer. ./build.sh demo calls this after the build.
set -eu
[ $# = 0 ] || { echo "demo: takes no options" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
tool=${ArtifactsPath:-$root/build/managed}/bin/TunFlow.Cli/release/TunFlow.Cli.dll
[ -f "$tool" ] || { echo "demo: $tool was not built; ./build.sh demo builds it" >&2; exit 1; }
exec python3 -B "$root/demo/demo.py" dotnet exec "$tool"
