"""Reads lcov's format from standard input and prints what share of the lines is reached, of lwIP's files by name and of
the shim as a whole: of all lines, and of those that unreachable.txt does not rule out. Fails below a share of the second."""

import pathlib
import sys

LWIP = ("tcp_in.c", "tcp_out.c", "ip4.c", "ip6.c", "ip4_frag.c", "ip6_frag.c")
SHIM = "shim"


def read_lcov(lines):
    """Hits by line number, by file of interest."""
    files = {}
    for line in lines:
        kind, _, value = line.rstrip("\n").partition(":")
        if kind == "SF":
            path = pathlib.PurePath(value)
            name = path.name if path.name in LWIP else SHIM if path.parts[-3:-1] == ("native", "src") else None
            current = files.setdefault(name, {}) if name else None
        elif kind == "DA" and current is not None:
            number, hits = value.split(",")[:2]
            key = (path.name, int(number))
            current[key] = current.get(key, 0) + int(hits)
    return files


def read_unreachable(file):
    ranges = {}
    for line in file.read_text().splitlines():
        if line and not line.startswith("#"):
            name, lines, _ = line.split(" ", 2)
            first, last = lines.split("-")
            ranges.setdefault(name, []).append(range(int(first), int(last) + 1))
    return ranges


def main():
    least = float(sys.argv[1])
    files = read_lcov(sys.stdin)
    unreachable = read_unreachable(pathlib.Path(__file__).with_name("unreachable.txt"))
    bad = False
    for name in (*LWIP, SHIM):
        lines = files.get(name, {})
        if not lines:
            print(f"{name}: not in the coverage data")
            bad = True
            continue
        excluded = {key for key in lines if any(key[1] in one for one in unreachable.get(key[0], []))}
        reached = {key for key, hits in lines.items() if hits}
        wrong = sorted(key[1] for key in excluded & reached)
        if wrong:
            print(f"{name}: reached, though unreachable.txt says that nothing can: lines {', '.join(map(str, wrong))}")
            bad = True
        share = 100 * len(reached - excluded) / len(set(lines) - excluded)
        print(f"corpus coverage of {name}: {share:.1f} % of {len(lines) - len(excluded)} lines that can be reached, "
              f"{100 * len(reached) / len(lines):.1f} % of {len(lines)} lines")
        bad |= share < least
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
