"""Runs a program in a user namespace of its own with one limit set to 0: limited_namespace.py SYSCTL UID PROGRAM...

The limits of /proc/sys/user count per user namespace, so nothing outside is affected. Exits with 77 where that can't
be set up.
"""
import ctypes
import os
import sys

CLONE_NEWUSER = 0x10000000


def map_from_outside(pid, ready):
    """A map of more than one id is written from outside, by a process with rights over the parent namespace."""
    os.read(ready, 1)
    for file in ("uid_map", "gid_map"):
        with open(f"/proc/{pid}/{file}", "w", encoding="ascii") as output:
            output.write("0 0 65536\n")


def main():
    sysctl, uid, program = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    ready, tell = os.pipe()
    target = os.getpid()
    mapper = os.fork()
    if mapper == 0:
        try:
            map_from_outside(target, ready)
        except OSError as error:
            print(error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    refused = ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER)
    os.write(tell, b"x")
    _, status = os.waitpid(mapper, 0)
    if refused != 0 or status != 0:
        sys.exit(77)
    with open(f"/proc/sys/user/{sysctl}", "w", encoding="ascii") as output:
        output.write("0")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.execv(program[0], program)


main()
