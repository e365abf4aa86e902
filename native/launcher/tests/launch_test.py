"""Runs tunflow-launch for real: as root and as an unprivileged user. Usage: launch_test.py LAUNCHER"""
import errno
import fcntl
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

from launcher_client import (
    EXEC_FAILED, FAILED, HAS_IPV6, MAGIC, READY, SECONDS, USER_NAMESPACE, Launch)

LAUNCHER = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
TUNGETIFF = 0x800454D2
TUNSETOFFLOAD = 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
NOBODY = 65534

# An unprivileged user in a mount namespace where /dev/net/tun has its usual mode, whatever this machine's is. The
# launcher is bound to a public place, since build directories may be closed.
AS_NOBODY = ["unshare", "--mount", "sh", "-ec", """
    mount -t tmpfs none /mnt
    mknod -m 0666 /mnt/tun c 10 200
    mount --bind /mnt/tun /dev/net/tun
    cp "$1" /mnt/tunflow-launch
    chmod 0755 /mnt /mnt/tunflow-launch
    shift # the launcher's own path, which Launch puts behind this prefix
    cd /
    exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0" "$@"
""", "/mnt/tunflow-launch"]


def namespaces_for_nobody():
    code = "import ctypes,sys; sys.exit(ctypes.CDLL(None).unshare(0x10000000) != 0)"
    return subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", sys.executable, "-c",
                           code], cwd="/", check=False).returncode == 0


class Case(unittest.TestCase):
    prefix = ()

    def launch(self, *command, options=(), **keywords):
        launch = Launch(LAUNCHER, command, options=options, prefix=self.prefix, **keywords)
        self.addCleanup(launch.__exit__)
        return launch

    def run_shell(self, script, options=(), **keywords):
        message, code, output = self.launch("sh", "-c", script, options=options, **keywords).run()
        return message, code, output


class Behaviour:
    """What holds for every kind of caller."""

    user_namespace = False

    def test_ready_message_describes_the_device(self):
        for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
            launch = self.launch("true", options=["--mtu", "1400", "--name", "vpn7"], kind=kind)
            message = launch.receive()
            self.assertEqual((MAGIC, 1, READY, 0), (message.magic, message.version, message.kind, message.error))
            self.assertEqual((1400, "vpn7", ""), (message.mtu, message.name, message.text))
            self.assertGreater(message.index, 1)
            self.assertTrue(message.flags & HAS_IPV6)
            self.assertEqual(self.user_namespace, bool(message.flags & USER_NAMESPACE))
            request = bytearray(40)
            fcntl.ioctl(launch.tun, TUNGETIFF, request)
            name, flags = struct.unpack_from("=16sH", request)
            self.assertEqual(b"vpn7", name.rstrip(b"\0"))
            self.assertEqual(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR,
                             flags & (IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
            self.assertTrue(fcntl.fcntl(launch.tun, fcntl.F_GETFL) & os.O_NONBLOCK)

    def test_offloads_can_be_set_from_outside(self):
        launch = self.launch("true")
        launch.receive()
        fcntl.ioctl(launch.tun, TUNSETOFFLOAD, 0x01 | 0x02 | 0x04)

    def test_addresses_and_routes(self):
        _, code, output = self.run_shell("ip -br addr; ip route; ip -6 route; ip link show tun0")
        self.assertEqual(0, code)
        words = output.split()
        self.assertIn("10.0.85.1/32", words)
        self.assertIn("fd7e:5f1a:3c9d::1/128", words)
        self.assertIn("127.0.0.1/8", words)
        self.assertEqual(2, output.count("default dev tun0"))
        self.assertIn("mtu 1500", output)
        self.assertNotIn("fe80", output)
        self.assertNotIn("eth0", output)

    def test_small_mtu_has_no_ipv6(self):
        message, code, output = self.run_shell("ip -6 addr show dev tun0", ["--mtu", "576"])
        self.assertEqual((0, 0, ""), (code, message.flags & HAS_IPV6, output))

    def test_idle_device_sends_nothing(self):
        launch = self.launch("sleep", "1.5")
        launch.receive()
        launch.go()
        self.assertEqual([], select.select([launch.tun], [], [], 1.2)[0])

    def test_packets_reach_the_descriptor(self):
        script = "import socket; socket.socket(socket.{}, socket.SOCK_DGRAM).sendto(b'hello', ('{}', 53))"
        for family, destination, source in (
                ("AF_INET", "192.0.2.1", bytes([10, 0, 85, 1])),
                ("AF_INET6", "2001:db8::1", socket.inet_pton(socket.AF_INET6, "fd7e:5f1a:3c9d::1"))):
            launch = self.launch("/usr/bin/python3", "-c", script.format(family, destination))
            launch.receive()
            launch.go()
            self.assertTrue(select.select([launch.tun], [], [], SECONDS)[0])
            packet = os.read(launch.tun, 2000)
            self.assertIn(source, packet)
            self.assertTrue(packet.endswith(b"hello"))

    def test_new_connections_are_limited(self):
        if not shutil.which("tc") or subprocess.run(
                ["unshare", "--net", "tc", "qdisc", "replace", "dev", "lo", "root", "htb"], check=False).returncode != 0:
            self.skipTest("needs tc and a kernel with HTB")
        _, code, output = self.run_shell("tc class show dev tun0; tc filter show dev tun0", options=["--name", "tun0"])
        self.assertEqual(0, code)
        self.assertIn("htb 1:1 root", output)
        self.assertIn("rate 8Mbit", output)  # 12,500 of 80 bytes
        self.assertEqual(1, output.count("protocol ip pref 1 u32 chain 0 fh 800::800 "))
        self.assertEqual(1, output.count("protocol ipv6 pref 2 u32 chain 0 fh 801::800 "))

    def test_resolver_files(self):
        _, code, output = self.run_shell("cat /etc/resolv.conf; echo --; cat /etc/nsswitch.conf",
                                         ["--dns", "2001:db8::53"])
        self.assertEqual(0, code)
        resolv_conf, nsswitch = output.split("--\n")
        self.assertEqual(["nameserver 2001:db8::53"],
                         [line for line in resolv_conf.splitlines() if line.startswith("nameserver")])
        hosts = [line for line in nsswitch.splitlines() if line.startswith("hosts")]
        self.assertEqual(["hosts: files dns"], hosts)
        if os.path.exists("/etc/nsswitch.conf"):
            self.assertIn("passwd:", nsswitch)

    def test_default_dns(self):
        _, _, output = self.run_shell("cat /etc/resolv.conf")
        self.assertIn("nameserver 10.0.85.3\n", output)

    def test_host_files_are_untouched(self):
        with open("/etc/resolv.conf", encoding="utf-8") as file:
            before = file.read()
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            mounts = file.read()
        self.run_shell("true")
        with open("/etc/resolv.conf", encoding="utf-8") as file:
            self.assertEqual(before, file.read())
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            self.assertEqual(mounts, file.read())

    def test_exit_code_passes_through(self):
        _, code, _ = self.run_shell("exit 42")
        self.assertEqual(42, code)

    def test_command_gets_no_extra_descriptors(self):
        _, code, output = self.launch("ls", "/proc/self/fd").run()
        self.assertEqual((0, ["0", "1", "2", "3"]), (code, output.split()))  # 3 is ls's own directory

    def test_command_keeps_its_identity(self):
        expected = NOBODY if self.user_namespace else 0
        _, _, output = self.run_shell("id -u; id -g; pwd", cwd="/")
        self.assertEqual([str(expected), str(expected), "/"], output.split())

    def test_unknown_command(self):
        launch = self.launch("/nonexistent/program")
        launch.receive()
        launch.go()
        message = launch.receive()
        self.assertEqual((EXEC_FAILED, errno.ENOENT, 127), (message.kind, message.error, message.exit_code))
        self.assertIn("/nonexistent/program", message.text)
        self.assertEqual(127, launch.finish()[0])

    def test_command_that_is_not_executable(self):
        launch = self.launch("/etc/passwd")
        launch.receive()
        launch.go()
        message = launch.receive()
        self.assertEqual((EXEC_FAILED, errno.EACCES, 126), (message.kind, message.error, message.exit_code))
        self.assertEqual(126, launch.finish()[0])

    def test_caller_that_goes_away_runs_nothing(self):
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o777)
            mark = os.path.join(directory, "ran")
            launch = self.launch("touch", mark)
            launch.receive()
            launch.socket.close()
            self.assertEqual(125, launch.finish()[0])
            self.assertFalse(os.path.exists(mark))

    def test_device_disappears_with_the_caller(self):
        launch = self.launch("sh", "-c", "ip -br link; ip route")
        launch.receive()
        os.close(launch.tun)
        launch.tun = -1
        launch.go()
        _, output, _ = launch.finish()
        self.assertNotIn("tun0", output)
        self.assertNotIn("default", output)

    def test_ping_may_open_its_socket(self):
        _, code, _ = self.launch("/usr/bin/python3", "-c",
                                 "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)").run()
        self.assertEqual(0, code)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class AsRoot(Behaviour, Case):
    def test_resolver_sockets_are_hidden(self):
        self.check_hidden("exec \"$@\"")

    def check_hidden(self, start):
        # A private /run with the directories that a desktop has, and resolv.conf as systemd-resolved links it.
        prepare = """
            mount -t tmpfs none /run
            mkdir -p /run/nscd /run/avahi-daemon /run/systemd/resolve
            for s in nscd/socket avahi-daemon/socket systemd/resolve/io.systemd.Resolve; do
                python3 -c "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])" /run/$s
            done
            echo 'nameserver 127.0.0.53
options edns0
search example.net' > /run/systemd/resolve/stub-resolv.conf
            cp -a /etc /run/etc
            mount --bind /run/etc /etc
            rm /etc/resolv.conf
            ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
        """ + start
        launch = Launch(LAUNCHER, ["sh", "-c", "find /run/nscd /run/avahi-daemon /run/systemd/resolve -type s; "
                                   "cat /etc/resolv.conf; touch /run/nscd/x 2>&1"],
                        prefix=["unshare", "--mount", "sh", "-ec", prepare, "sh"])
        self.addCleanup(launch.__exit__)
        _, code, output = launch.run()
        self.assertNotIn("/run/nscd/socket", output)
        self.assertNotIn("io.systemd.Resolve", output)
        self.assertNotIn("avahi-daemon/socket", output)
        self.assertIn("nameserver 10.0.85.3\noptions edns0\nsearch example.net\n", output)
        self.assertNotIn("127.0.0.53", output)
        self.assertIn("Read-only", output)
        self.assertEqual(1, code)

    def test_missing_and_dangling_resolv_conf(self):
        for create in ("true", "ln -s /nonexistent/file /etc/resolv.conf"):
            prepare = """
                mount -t tmpfs none /mnt
                cp -a /etc /mnt/etc
                mount --bind /mnt/etc /etc
                rm -f /etc/resolv.conf
                """ + create + """
                umask 077
                exec "$@" """
            launch = Launch(LAUNCHER, ["sh", "-c", "cat /etc/resolv.conf; grep -c . /etc/passwd; stat -c %a /etc; "
                                       "ls /etc/ssl >/dev/null && grep ^hosts /etc/nsswitch.conf"],
                            prefix=["unshare", "--mount", "sh", "-ec", prepare, "sh"])
            self.addCleanup(launch.__exit__)
            _, code, output = launch.run()
            self.assertEqual(0, code)
            self.assertIn("nameserver 10.0.85.3\n", output)
            self.assertIn("\n755\n", output)
            self.assertIn("hosts: files dns", output)

    def test_root_keeps_its_capabilities(self):
        with open("/proc/self/status", encoding="utf-8") as file:
            before = [line for line in file if line.startswith("CapBnd")]
        _, _, output = self.run_shell("grep CapBnd /proc/self/status")
        self.assertEqual(before, [output])


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class AsRestrictedRoot(Case):
    """Root of a container: no CAP_SYS_ADMIN, so a user namespace is needed, in which it is root again."""

    prefix = ("setpriv", "--bounding-set", "-sys_admin")

    def test_only_the_two_network_capabilities_are_left(self):
        message, code, output = self.run_shell("id -u; grep ^Cap /proc/self/status")
        values = dict(line.split(":\t") for line in output.splitlines() if line.startswith("Cap"))
        self.assertEqual((0, "0"), (code, output.split()[0]))
        self.assertTrue(message.flags & USER_NAMESPACE)
        for name in ("CapPrm", "CapEff", "CapBnd"):
            self.assertEqual((1 << 13) | (1 << 10), int(values[name], 16), name)
        self.assertEqual(0, int(values["CapInh"], 16))


@unittest.skipUnless(os.geteuid() == 0, "needs root, to become another user")
class AsNobody(Behaviour, Case):
    prefix = AS_NOBODY
    user_namespace = True

    @classmethod
    def setUpClass(cls):
        if not namespaces_for_nobody():
            raise unittest.SkipTest("unprivileged user namespaces are forbidden on this machine")

    def test_no_capabilities_are_left(self):
        _, code, output = self.run_shell("grep ^Cap /proc/self/status; cat /proc/self/uid_map /proc/self/setgroups")
        values = dict(line.split(":\t") for line in output.splitlines() if line.startswith("Cap"))
        self.assertEqual(0, code)
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(0, int(values[name], 16), name)
        self.assertEqual((1 << 13) | (1 << 10), int(values["CapBnd"], 16))
        self.assertIn("65534      65534          1", output)
        self.assertIn("deny", output)

    def test_command_cannot_change_its_network(self):
        _, code, _ = self.run_shell("ip link set tun0 down 2>/dev/null")
        self.assertNotEqual(0, code)

    def test_command_cannot_undo_the_mounts(self):
        _, code, _ = self.run_shell("umount /etc/resolv.conf 2>/dev/null")
        self.assertNotEqual(0, code)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Refusals(Case):
    def failure(self, prefix, options=(), command=("true",), launcher=None):
        launch = Launch(launcher or LAUNCHER, command, options=options, prefix=prefix)
        self.addCleanup(launch.__exit__)
        message = launch.receive()
        self.assertEqual(FAILED, message.kind)
        self.assertEqual(-1, launch.tun)
        code, _, errors = launch.finish()
        self.assertEqual((message.exit_code, ""), (code, errors))
        self.assertNotIn("\n", message.text)
        return message

    def test_missing_device(self):
        message = self.failure(["unshare", "--mount", "sh", "-ec", "mount -t tmpfs none /dev/net; exec \"$@\"", "sh"])
        self.assertEqual((errno.ENOENT, 125), (message.error, message.exit_code))
        self.assertIn("/dev/net/tun is missing", message.text)
        self.assertIn("modprobe tun", message.text)

    def test_closed_device(self):
        closed = [part.replace("-m 0666", "-m 0600") for part in AS_NOBODY]
        message = self.failure(closed)
        self.assertEqual((errno.EACCES, 125), (message.error, message.exit_code))
        self.assertIn("/dev/net/tun is closed to user 65534: its mode is 0600", message.text)

    def limited(self, sysctl, uid):
        helper = os.path.join(os.path.dirname(os.path.abspath(__file__)), "limited_namespace.py")
        prefix = [sys.executable, "-B", helper, sysctl, str(uid)]
        if subprocess.run([*prefix, "/bin/true"], check=False, capture_output=True).returncode != 0:
            self.skipTest("cannot set up a user namespace with a limit")
        return prefix

    def test_forbidden_user_namespaces(self):
        # Run from a public copy: the unprivileged user may not be able to enter the build directory.
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o755)
            launcher = shutil.copy(LAUNCHER, os.path.join(directory, "tunflow-launch"))
            os.chmod(launcher, 0o755)
            message = self.failure(self.limited("max_user_namespaces", NOBODY), launcher=launcher)
        self.assertEqual((errno.ENOSPC, 125), (message.error, message.exit_code))
        self.assertIn("the setting user.max_user_namespaces is 0", message.text)

    def test_too_many_network_namespaces(self):
        message = self.failure(self.limited("max_net_namespaces", 0))
        self.assertEqual((errno.ENOSPC, 125), (message.error, message.exit_code))
        self.assertIn("the setting user.max_net_namespaces is 0", message.text)

    def test_wrong_usage(self):
        for options, expected in (
                (["--mtu", "67"], "--mtu: '67'"), (["--mtu", "1500x"], "--mtu: '1500x'"),
                (["--mtu", "-1"], "--mtu: '-1'"), (["--dns", "resolver.example"], "--dns: 'resolver.example'"),
                (["--name", "a/b"], "--name: 'a/b'"), (["--name", "tun%d"], "--name: 'tun%d'"),
                (["--name", "sixteen-bytes-xx"], "--name:"), (["--name", ""], "--name: ''"),
                (["--colour", "red"], "unknown option '--colour'"), (["--mtu"], "--mtu: '--'")):
            message = self.failure([], options=options)
            self.assertEqual((2, 0), (message.exit_code, message.error), options)
            self.assertIn(expected, message.text)
        message = self.failure([], command=())
        self.assertIn("no command", message.text)

    def test_control_characters_do_not_break_the_line(self):
        message = self.failure([], options=["--dns", "a\nb\x1b[31m"])
        self.assertIn("a?b?[31m", message.text)

    def test_no_socket(self):
        for arguments in ([], ["--socket", "0", "--", "true"], ["--socket", "999", "--", "true"]):
            result = subprocess.run([LAUNCHER, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                    check=False, timeout=SECONDS)
            self.assertEqual((2, 1), (result.returncode, result.stderr.count("\n")), result)
            self.assertIn("--socket", result.stderr)

    def test_help_and_version(self):
        for option in ("--help", "--version"):
            result = subprocess.run([LAUNCHER, option], capture_output=True, text=True, check=False, timeout=SECONDS)
            self.assertEqual((0, ""), (result.returncode, result.stderr))
            self.assertIn("tunflow-launch", result.stdout)


if __name__ == "__main__":
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        print("skipped: needs root and /dev/net/tun")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
