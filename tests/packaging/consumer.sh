#!/bin/sh
# The user of the packages: a project outside the repository that knows a feed, a version and nothing else.
#
#   consumer.sh create  WORK FEED VERSION CACHE QUICKSTART   makes and builds WORK/app
#   consumer.sh publish WORK CACHE                           publishes it to WORK/published
#   consumer.sh tool    WORK FEED VERSION CACHE              installs the tool to WORK/tool and asks its version
set -eu

here=$(cd "$(dirname "$0")" && pwd)
action=$1 work=$2

# What belongs to the repository's own build must not leak in. Everything but our packages may come from the cache
# that the machine has already.
unset ArtifactsPath TUNFLOW_NATIVE_DIR || true
use_cache() {
    NUGET_FALLBACK_PACKAGES=${NUGET_PACKAGES:-$HOME/.nuget/packages}
    [ -d "$NUGET_FALLBACK_PACKAGES" ] || unset NUGET_FALLBACK_PACKAGES
    export NUGET_FALLBACK_PACKAGES
    export NUGET_PACKAGES="$1"
}

create() {
    feed=$1 version=$2 cache=$3 quickstart=$4
    use_cache "$cache"
    dotnet new console --name app --output "$work/app" --framework net10.0 --no-restore >/dev/null
    cat >"$work/app/nuget.config" <<CONFIG
<?xml version="1.0" encoding="utf-8"?>
<configuration>
  <packageSources>
    <add key="tunflow-local" value="$feed" />
  </packageSources>
</configuration>
CONFIG
    cp "$quickstart" "$work/app/Program.cs"
    cp "$here/Network.cs.txt" "$work/app/Network.cs"
    cd "$work/app"
    dotnet package add TunFlow --version "$version" 2>&1 | tail -n 1
    dotnet build -c Release -nologo -v quiet -warnaserror
}

publish() {
    use_cache "$1"
    cd "$work/app"
    dotnet publish -c Release -r linux-x64 --self-contained true -o "$work/published" -nologo -v quiet -warnaserror
    [ -x "$work/published/app" ] || { echo "no executable was published"; exit 1; }
}

tool() {
    feed=$1 version=$2 cache=$3
    use_cache "$cache"
    dotnet tool install TunFlow.Cli --version "$version" --tool-path "$work/tool" --add-source "$feed" >/dev/null
    launcher=$(find "$work/tool" -name tunflow-launch -path '*linux-x64*')
    [ -n "$launcher" ] || { echo "the tool has no tunflow-launch"; exit 1; }
    answer=$("$work/tool/tunflow" --version)
    echo "tunflow --version: $answer"
    case $answer in
        *[0-9].[0-9]*) ;;
        *) echo "tunflow --version printed no version"; exit 1 ;;
    esac
}

shift 2
case $action in
    create | publish | tool) "$action" "$@" ;;
    *) echo "consumer.sh: unknown action $action"; exit 2 ;;
esac
