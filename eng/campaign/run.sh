#!/bin/sh
# The long forms of the tests, see campaign.py. ./build.sh campaign calls this after the build.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
exec python3 -B "$root/eng/campaign/campaign.py" "$@"
