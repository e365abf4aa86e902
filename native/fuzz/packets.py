"""Chooses from a capture of everything that the corpus sends (see capture.h) the packets that are committed for tests that
cannot run programs: short ones, each different from the others in its first bytes.

  TUNFLOW_FUZZ_CAPTURE=all.pcap fuzz_abi -runs=0 native/fuzz/corpus/abi
  python3 native/fuzz/packets.py all.pcap native/fuzz/corpus/packets.pcap"""

import hashlib
import pathlib
import struct
import sys

LONGEST = 160
MOST = 700
HEADER = 24
RECORD = 16


def read(capture):
    at = HEADER
    while at < len(capture):
        length = struct.unpack_from("=I", capture, at + 8)[0]
        yield capture[at + RECORD:at + RECORD + length]
        at += RECORD + length


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    capture = source.read_bytes()
    kinds = {packet[:60]: packet for packet in read(capture) if 0 < len(packet) <= LONGEST}
    # An even choice that changes little when the corpus does.
    chosen = sorted(kinds.values(), key=lambda packet: hashlib.sha256(packet).digest())[:MOST]
    records = (struct.pack("=4I", 0, 0, len(packet), len(packet)) + packet for packet in chosen)
    target.write_bytes(capture[:HEADER] + b"".join(records))
    print(f"{len(chosen)} of {len(kinds)} packets, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
