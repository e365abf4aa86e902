"""An HTTP server, a DNS responder and a server for a half-closed exchange, all on the host's loopback."""
import hashlib
import http.server
import random
import socket
import socketserver
import struct
import threading

LOOPBACK4, LOOPBACK6 = "127.0.0.1", "::1"


class Http(http.server.BaseHTTPRequestHandler):
    """GET answers with `content`, PUT with the SHA-256 of what was sent."""
    protocol_version = "HTTP/1.1"
    content = b""

    def do_GET(self):
        self.answer(self.content)

    def do_PUT(self):
        digest, left = hashlib.sha256(), int(self.headers["Content-Length"])
        while left > 0:
            data = self.rfile.read(min(left, 1 << 16))
            if not data:
                return
            digest.update(data)
            left -= len(data)
        self.answer(digest.hexdigest().encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class HalfClosed(socketserver.BaseRequestHandler):
    """Answers only after the client's end of file, with the SHA-256 of everything the client said."""

    def handle(self):
        digest = hashlib.sha256()
        while data := self.request.recv(1 << 16):
            digest.update(data)
        self.request.sendall(b"you said " + digest.hexdigest().encode())


class Dns:
    """Answers A and AAAA questions for one name (RFC 1035); anything else does not exist."""

    def __init__(self, name, address4, address6):
        self.name = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        self.addresses = {1: socket.inet_pton(socket.AF_INET, address4), 28: socket.inet_pton(socket.AF_INET6, address6)}

    def answer(self, query):
        end = query.index(b"\0", 12) + 1
        question, (kind,) = query[12:end + 4], struct.unpack_from(">H", query, end)
        known = query[12:end].lower() == self.name
        address = self.addresses.get(kind) if known else None
        header = query[:2] + struct.pack(">HHHHH", 0x8580 | (0 if known else 3), 1, 1 if address else 0, 0, 0)
        record = struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(address)) + address if address else b""
        return header + question + record

    def serve(self):
        """Starts on a port that is free for UDP and TCP, and returns it."""
        listener = socket.create_server((LOOPBACK4, 0))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind(listener.getsockname())
        threading.Thread(target=self.serve_datagrams, args=(datagrams,), daemon=True).start()
        threading.Thread(target=self.serve_streams, args=(listener,), daemon=True).start()
        return listener.getsockname()[1]

    def serve_datagrams(self, datagrams):
        while True:
            query, client = datagrams.recvfrom(512)
            datagrams.sendto(self.answer(query), client)

    def serve_streams(self, listener):
        while True:
            client, _ = listener.accept()
            with client, client.makefile("rwb") as stream:
                (length,) = struct.unpack(">H", stream.read(2))
                answer = self.answer(stream.read(length))
                stream.write(struct.pack(">H", len(answer)) + answer)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, handler, family, port=0):
        self.address_family = family
        super().__init__((LOOPBACK6 if family == socket.AF_INET6 else LOOPBACK4, port), handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind((LOOPBACK6, 0))
        return True
    except OSError:
        return False


def serve(handler):
    """The same port on both loopback addresses, as a name with two addresses needs it."""
    server = Server(handler, socket.AF_INET)
    if has_ipv6():
        Server(handler, socket.AF_INET6, server.port)
    return server.port


def closed_port():
    with socket.socket() as probe:
        probe.bind((LOOPBACK4, 0))
        return probe.getsockname()[1]


def random_bytes(size):
    return random.Random(size).randbytes(size)
