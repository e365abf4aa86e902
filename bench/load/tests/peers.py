"""The program under test, as a command and as a server, and servers of other kinds."""
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading

PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
SECONDS = 30  # what any command may take here


def run(*arguments, code=0):
    """The report of a command that ends by itself."""
    result = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=SECONDS, check=False,
                            stdin=subprocess.DEVNULL)
    if result.returncode != code:
        raise AssertionError(f"exit code {result.returncode}, not {code}: {result.stdout}{result.stderr}")
    return json.loads(result.stdout) if code != 2 and code != 3 else result.stderr


@contextlib.contextmanager
def started(*arguments):
    process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def served(*services, options=()):
    with started("serve", *options, *(f"{service}:0" for service in services)) as process:
        ports = json.loads(process.stdout.readline())["ports"]
        yield (*ports.values(), process) if len(ports) > 1 else (next(iter(ports.values())), process)


def end(process):
    process.terminate()
    report = json.loads(process.communicate(timeout=SECONDS)[0].splitlines()[-1])
    if process.returncode != 0:
        raise AssertionError(f"the server ended with {process.returncode}")
    return report


@contextlib.contextmanager
def stream_server(handle):
    """Calls handle(connection) for each connection, one after the other."""
    def loop():
        with contextlib.suppress(OSError):
            while True:
                connection = listener.accept()[0]
                with connection:
                    connection.settimeout(SECONDS)
                    handle(connection)

    with socket.create_server(("0.0.0.0", 0)) as listener:
        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(SECONDS)


@contextlib.contextmanager
def datagram_server(answers):
    """Sends back what answers(number, datagram) returns, a list."""
    def loop():
        number = 0
        with contextlib.suppress(OSError):
            while True:
                data, peer = server.recvfrom(65536)
                if not data:
                    return
                for answer in answers(number, data):
                    server.sendto(answer, peer)
                number += 1

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.sendto(b"", server.getsockname())
        thread.join(SECONDS)
