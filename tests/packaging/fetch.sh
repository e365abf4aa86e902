#!/bin/sh
# Runs COMMAND ARGS... uplink URL in network namespaces of its own and compares what it prints with the file at URL.
#
#   COMMAND's namespace                                the server's namespace
#   uplink 198.51.100.2/24 ------------- veth --------- server 198.51.100.1/24, lo 203.0.113.1: python3 http.server
#
# There is no route to 203.0.113.1 except for sockets that are bound to `uplink`: a program gets there only if it makes
# a TUN with a route and carries the connections out by that interface. Nothing outlives this script: the namespaces
# have no names, and its processes are in a process namespace of their own. Exit code 77: not possible here.
set -eu

if [ "${1:-}" != --inside ]; then
    command -v unshare >/dev/null || { echo "unshare is missing (package util-linux)"; exit 77; }
    [ -c /dev/net/tun ] || { echo "there is no /dev/net/tun"; exit 77; }
    { [ -r /dev/net/tun ] && [ -w /dev/net/tun ]; } || { echo "this user may not open /dev/net/tun"; exit 77; }
    set -- --inside "$@"
    if [ "$(id -u)" = 0 ]; then
        unshare --net true 2>/dev/null || { echo "network namespaces are not allowed here"; exit 77; }
        exec unshare --net --mount-proc --pid --fork --kill-child sh "$0" "$@"
    fi
    unshare --user --map-root-user --net true 2>/dev/null ||
        { echo "user namespaces are not allowed here (kernel.unprivileged_userns_clone)"; exit 77; }
    exec unshare --user --map-root-user --net --mount-proc --pid --fork --kill-child sh "$0" "$@"
fi
shift

url=http://203.0.113.1:8080/file.txt
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

mkdir "$directory/served"
# 2 MB of text: many segments, so that a lost or repeated one shows.
seq -f 'line %.0f of a file that must arrive whole' 1 45000 >"$directory/served/file.txt"

cat >"$directory/server.sh" <<'SERVER'
until ip link show server >/dev/null 2>&1; do sleep 0.05; done
ip link set lo up
ip link set server up
ip address add 198.51.100.1/24 dev server
ip address add 203.0.113.1/32 dev lo
exec python3 -m http.server --bind 203.0.113.1 --directory "$1" 8080
SERVER
unshare --net sh "$directory/server.sh" "$directory/served" >"$directory/server.log" 2>&1 &
server=$!
# The background process has its own namespace only once unshare has run.
until [ "$(readlink /proc/$server/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done

ip link set lo up
ip link add uplink type veth peer name server netns "$server"
ip address add 198.51.100.2/24 dev uplink
ip link set uplink up
ip rule add oif uplink lookup 100
ip route add default via 198.51.100.1 dev uplink table 100

# The proof of the set-up: bound to the interface the server answers, unbound there is no way.
tries=0
until curl --silent --noproxy '*' --interface uplink --max-time 2 --output "$directory/direct" "$url"; do
    tries=$((tries + 1))
    [ $tries -lt 50 ] || { cat "$directory/server.log"; echo "the server did not start"; exit 1; }
    sleep 0.1
done
cmp -s "$directory/direct" "$directory/served/file.txt" || { echo "the server gives another file"; exit 1; }
if curl --silent --noproxy '*' --max-time 2 --output /dev/null "$url"; then
    echo "the server can be reached without a tunnel: the test would prove nothing"
    exit 1
fi

code=0
env -u http_proxy -u https_proxy -u all_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY \
    timeout 60 "$@" uplink "$url" >"$directory/got" 2>"$directory/errors" || code=$?
if [ $code != 0 ]; then
    head -c 2000 "$directory/got"
    cat "$directory/errors"
    echo "exit code $code: $*"
    exit 1
fi
# Console.WriteLine adds a line end of its own.
size=$(wc -c <"$directory/served/file.txt")
if [ "$(head -c "$size" "$directory/got" | sha256sum)" != "$(sha256sum <"$directory/served/file.txt")" ]; then
    cat "$directory/errors"
    echo "$(wc -c <"$directory/got") bytes came back, they differ from the $size bytes served"
    exit 1
fi
echo "$size bytes fetched through the tunnel, SHA-256 equal"
