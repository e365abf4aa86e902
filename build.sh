#!/bin/sh
# The one entry point: installs what a command needs (Debian packages, local .NET tools) and runs its Cake target.
set -eu
cd "$(dirname "$0")"

usage() {
    cat <<'TEXT'
usage: ./build.sh COMMAND [options of the command]

  demo       build, then show the main job: curl and dig through `tunflow run`, without internet
  test       build and test everything; the last line reads "N passed, N failed"
  build      native library, bindings, managed solution
  pack       build and pack to build/packages (--version-suffix=beta.1)
  campaign   the long forms of the tests, resumable: fuzzing, random packets, storms, a tiny heap, churn (docs/robustness.md)
  bench      build and measure speed and cost beside slirp4netns, pasta and a plain copy (docs/performance.md);
             bench micro: what a packet costs in each piece, to build/benchmarks

  lwip       fetch lwIP 2.2.1 and check its SHA-256
  native     libtunflow_lwip.so and tunflow-launch, to build/native
  bindings   regenerate interop/TunFlow.Interop from the C header (--check: only compare)
  api        write docs/api, the packages' surface, and docs/acceptance.md, the index of tests (--check: compare)
  clean      remove build/ except the fetched sources

Missing Debian packages are installed by apt-get (as root, or through sudo).
TEXT
}

# What each command needs. A Debian package is installed only if it is missing, and never upgraded.
packages_lwip="cmake ca-certificates debian-archive-keyring"
packages_native="$packages_lwip ninja-build gcc libc6-dev binutils"
packages_bindings="libclang1-14 libclang-common-14-dev"
packages_build="$packages_native $packages_bindings"
packages_demo="$packages_build curl bind9-dnsutils python3 iproute2"
packages_test="$packages_demo chromium-headless-shell clang-14 libclang-rt-14-dev llvm-14 hping3 iperf3 microsocks netcat-openbsd nmap tshark util-linux valgrind"
# A real name server for the resolvers to ask, and a SOCKS server that relays UDP. Where systemd runs, their packages would leave services
# behind that start with the machine and take port 53, and 1080: there they are left out, and the tests that need them are skipped unless
# somebody has installed them.
[ -d /run/systemd/system ] || packages_test="$packages_test unbound dante-server"
packages_campaign="$packages_test git"
packages_bench="$packages_demo iperf3 linux-perf passt slirp4netns util-linux valgrind"

[ $# -gt 0 ] || { usage; exit 0; }
command=$1
shift
case $command in
    lwip) target=Lwip packages=$packages_lwip ;;
    native) target=Native packages=$packages_native ;;
    bindings) target=Bindings packages=$packages_bindings ;;
    api) target=Api packages= ;;
    build) target=Build packages=$packages_build ;;
    test) target=Test packages=$packages_test ;;
    demo) target=Demo packages=$packages_demo ;;
    pack) target=Pack packages=$packages_build ;;
    campaign) target=Campaign packages=$packages_campaign ;;
    bench) target=Bench packages=$packages_bench ;;
    clean) target=Clean packages= ;;
    help | -h | --help) usage; exit 0 ;;
    *) echo "build.sh: unknown command '$command'" >&2; usage >&2; exit 2 ;;
esac

# Their options are their scripts' own: `./build.sh bench --rounds 5`, `./build.sh campaign --stage fuzz --hours 2`.
case $command in
    demo | bench | campaign) [ $# -eq 0 ] || set -- "--options=$*" ;;
esac

install_missing() {
    if ! command -v dpkg-query >/dev/null 2>&1; then
        echo "build.sh: not a Debian system; the tools of these packages must be there already: $*" >&2
        return 0
    fi
    missing=
    for package in "$@"; do
        state=$(dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | head -n 1) || state=
        [ "$state" = installed ] || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0

    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        as_root=sudo # it may ask for a password, but only a person
    else
        echo "build.sh: these packages are missing and need root to install. Run:" >&2
        echo "apt-get install -y --no-install-recommends$missing" >&2
        exit 1
    fi
    echo "build.sh: installing$missing"
    # One source out of many that does not answer is no reason to stop: the installation decides.
    $as_root apt-get -q update || echo "build.sh: apt-get update reported errors, trying the installation" >&2
    # Only the programs are wanted: no package may start a service.
    policy=/usr/sbin/policy-rc.d
    if [ -e $policy ]; then
        policy=
    else
        # shellcheck disable=SC2064 # the names of now
        trap "$as_root rm -f $policy" EXIT
        printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
        $as_root chmod 755 $policy
    fi
    # shellcheck disable=SC2086 # one word per package
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends --no-upgrade $missing
    if [ -n "$policy" ]; then
        $as_root rm -f $policy
        trap - EXIT
    fi
}

require_sdk() {
    if command -v dotnet >/dev/null 2>&1 && dotnet --list-sdks | grep -q '^1[0-9]\.'; then
        return 0
    fi
    echo "build.sh: the .NET 10 SDK is needed and was not found (dotnet --list-sdks shows no 10.x)." >&2
    echo "build.sh: install it from https://dotnet.microsoft.com/download/dotnet/10.0 and run this again." >&2
    exit 1
}

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en

require_sdk
# shellcheck disable=SC2086 # one word per package
install_missing $packages

# Restoring an unchanged tool takes a second; the stamp spares it.
stamp=build/.tools-restored
if [ ! -f "$stamp" ] || [ dotnet-tools.json -nt "$stamp" ] || ! dotnet cake --version >/dev/null 2>&1; then
    dotnet tool restore
    mkdir -p build
    touch "$stamp"
fi

summary=build/test-results/summary.txt
rm -f "$summary"

code=0
dotnet cake build.cake --target="$target" --settings_enablescriptcache=true "$@" || code=$?

# Cake ends with a table of its own; the totals belong on the very last line.
if [ "$target" = Test ]; then
    if [ ! -f "$summary" ]; then
        echo "0 passed, 1 failed" >"$summary.tmp" && mv "$summary.tmp" "$summary"
        [ "$code" != 0 ] || code=1
    fi
    cat "$summary"
fi
exit "$code"
