#!/bin/sh
# Downloads one archive of a Debian source package of another release, without touching this system's apt:
#
#   fetch-debian-source.sh PACKAGE RELEASE ARCHIVE DIRECTORY
#
# Lists, cache and sources are private and thrown away; the release is verified with Debian's own keyring. The mirror
# is the one that this machine already uses for Debian.
set -eu

package=$1 release=$2 archive=$3 directory=$4
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail() { echo "$0: $*" >&2; exit 1; }

command -v apt-get >/dev/null 2>&1 || fail "no apt-get: not a Debian system"
[ -r "$keyring" ] || fail "no $keyring (package debian-archive-keyring)"

# apt knows which of its sources are Debian's main archive once it has lists; before that, the address decides.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' \
           2>/dev/null | head -n 1)
if [ -z "$mirror" ]; then
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        sed -n -e 's/^[[:space:]]*deb[[:space:]]\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^[:space:]]*\).*/\2/p' \
               -e 's/^URIs:[[:space:]]*\([^[:space:]]*\).*/\1/p' |
        grep -E '/debian/?$' | head -n 1)
fi
[ -n "$mirror" ] || fail "no Debian archive among this machine's apt sources"

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/sources"
echo "deb-src [signed-by=$keyring] $mirror $release main" >"$state/sources.list"

private_apt() {
    apt-get -q \
        -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State="$state" -o Dir::State::Lists="$state/lists" -o Dir::State::Status=/dev/null \
        -o Dir::Cache="$state/cache" -o APT::Sandbox::User="$(id -un)" \
        -o Acquire::Retries=2 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 "$@"
}

private_apt update >"$state/log" 2>&1 || { cat "$state/log" >&2; fail "cannot read the sources of $release from $mirror"; }
(cd "$state/sources" && private_apt source --download-only --only-source "$package") >>"$state/log" 2>&1 ||
    { cat "$state/log" >&2; fail "cannot download the source of $package"; }

[ -f "$state/sources/$archive" ] || fail "$package in $release no longer has $archive"
mkdir -p "$directory"
# The move into place is atomic: copied first onto the same file system, then renamed.
cp "$state/sources/$archive" "$directory/$archive.part"
mv "$directory/$archive.part" "$directory/$archive"
