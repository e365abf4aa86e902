"""Runs curl, dig and a half-closing client under `tunflow run` and compares what comes back: demo.py TUNFLOW..."""
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time

import servers

NAME = "demo.test"
# The stand-ins for the host's loopback inside the tunnel: tunflow run --help.
HOST4, HOST6 = "10.0.85.2", "fd7e:5f1a:3c9d::2"
DOWNLOAD, UPLOAD = 100_000_000, 20_000_000
SECONDS = 120

HALF_CLOSE = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(sys.stdin.buffer.read())
s.shutdown(socket.SHUT_WR)
while data := s.recv(65536):
    sys.stdout.buffer.write(data)
"""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Demo:
    def __init__(self, tunflow, dns):
        self.tunflow, self.dns = tunflow, dns
        self.failures = self.steps = 0
        # A proxy of the machine's environment would swallow what is meant for the tunnel.
        self.environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}

    def step(self, title, command, check, options=("--allow-host-loopback",), **keywords):
        """Runs one command and prints a line each for what was asked, what came back and the flows."""
        started = time.monotonic()
        result = subprocess.run([*self.tunflow, "run", "--stats", "--dns", self.dns, *options, "--", *command],
                                capture_output=True, timeout=SECONDS, check=False, env=self.environment, **keywords)
        elapsed = time.monotonic() - started
        errors = result.stderr.decode(errors="replace")
        problem = check(result.returncode, result.stdout, errors)
        self.steps += 1
        self.failures += problem is not None
        print(f"{'FAILED' if problem else 'ok':6}  {title}", flush=True)
        print(f"        asked      {' '.join(word if len(word) < 60 else '...' for word in command)}")
        print(f"        came back  {problem or self.came_back}  ({elapsed:.1f} s)")
        print(f"        flows      {self.flows(errors)}", flush=True)
        if problem:
            print("        " + errors.strip().replace("\n", "\n        "))

    @staticmethod
    def flows(errors):
        table = dict(re.findall(r"^  (.{14})(.*)$", errors, re.MULTILINE))
        table = {key.strip(): value for key, value in table.items()}
        tcp, udp = table.get("TCP flows", "no statistics"), table.get("UDP sessions", "")
        return f"TCP {tcp.rsplit(', ', 1)[0]}, {table.get('TCP bytes', '?')}; UDP sessions {udp.split(',')[0]}; dropped {table.get('dropped', '?')}"

    def expect(self, text, output, came_back=None):
        """Remembers what to print; returns the problem, if any."""
        self.came_back = came_back or text
        return None if output == text else f"'{output[:80]}' instead of '{text[:80]}'"

    def succeeded(self, make):
        def check(code, output, errors):
            if code != 0:
                return f"exit code {code}: {errors.splitlines()[0] if errors else ''}"
            return make(output)
        return check

    def answer(self, text):
        return self.succeeded(lambda output: self.expect(text, output.decode().strip()))

    def file(self, path, content):
        def same(_):
            with open(path, "rb") as file:
                got = file.read()
            return self.expect(sha256(content), sha256(got), f"{len(got):,} bytes, SHA-256 {sha256(got)[:16]}... equal")
        return self.succeeded(same)

    def refused(self, code, _, errors):
        if code != 7 or "Connection refused" not in errors:
            return f"exit code {code} instead of 7, connection refused"
        self.came_back = "exit code 7, Connection refused"
        return None


def main():
    content, upload = servers.random_bytes(DOWNLOAD), servers.random_bytes(UPLOAD)
    servers.Http.content = content
    http, half, closed = servers.serve(servers.Http), servers.serve(servers.HalfClosed), servers.closed_port()
    demo = Demo(sys.argv[1:], f"127.0.0.1:{servers.Dns(NAME, HOST4, HOST6).serve()}")
    started = time.monotonic()
    url = f"http://{NAME}:{http}/"
    families = [("IPv4", "-4")] + ([("IPv6", "-6")] if servers.has_ipv6() else [])

    demo.step("a name, by UDP", ["dig", "+short", NAME, "A"], demo.answer(HOST4))
    demo.step("a name, by TCP", ["dig", "+short", "+tcp", NAME, "AAAA"], demo.answer(HOST6))
    with tempfile.TemporaryDirectory(prefix="tunflow-demo-") as directory:
        with open(os.path.join(directory, "source"), "wb") as file:
            file.write(upload)
        target = os.path.join(directory, "target")
        for family, option in families:
            demo.step(f"a download of 100 MB, {family}", ["curl", "-sS", option, "-o", "target", url], demo.file(target, content), cwd=directory)
        for family, option in families:
            demo.step(f"an upload of 20 MB, {family}", ["curl", "-sS", option, "-T", "source", url],
                      demo.succeeded(lambda output: demo.expect(sha256(upload), output.decode(), "the server's SHA-256, equal")), cwd=directory)
    said = upload[:1_000_000]
    demo.step("a half-closed exchange: all is said, then the answer comes", ["python3", "-c", HALF_CLOSE, HOST4, str(half)],
              demo.succeeded(lambda output: demo.expect(f"you said {sha256(said)}", output.decode(), "the answer, after the end of 1,000,000 bytes")),
              input=said)
    demo.step("a port that nobody listens on", ["curl", "-sv", "-4", f"http://{NAME}:{closed}/"], demo.refused)
    demo.step("the host's loopback without --allow-host-loopback", ["curl", "-sv", "-4", url], demo.refused, options=())

    if len(families) == 1:
        print("left out: IPv6, which this host does not have")
    print(f"\n{demo.steps - demo.failures} of {demo.steps} as expected, in {time.monotonic() - started:.1f} s")
    return 1 if demo.failures else 0


if __name__ == "__main__":
    sys.exit(main())
