"""The caller's side of native/launcher/protocol.h, for tests."""
import array
import os
import socket
import struct
import subprocess

MESSAGE = struct.Struct("=IHHiiIII16s468s")
MAGIC = 0x314C4654
READY, FAILED, EXEC_FAILED = 1, 2, 3
HAS_IPV6, USER_NAMESPACE = 1, 2
SECONDS = 20

assert MESSAGE.size == 512


class Message:
    def __init__(self, data):
        (self.magic, self.version, self.kind, self.error, self.exit_code, self.flags, self.mtu, self.index,
         name, text) = MESSAGE.unpack(data)
        self.name = name.split(b"\0")[0].decode()
        self.text = text.split(b"\0")[0].decode()


class Launch:
    """Starts the launcher; `prefix` is put in front of it (setpriv, unshare...)."""

    def __init__(self, launcher, command, options=(), prefix=(), kind=socket.SOCK_STREAM, **keywords):
        self.socket, child = socket.socketpair(socket.AF_UNIX, kind)
        self.socket.settimeout(SECONDS)
        arguments = [*prefix, launcher, "--socket", str(child.fileno()), *options, "--", *command]
        with child:
            self.process = subprocess.Popen(
                arguments, pass_fds=[child.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, **keywords)
        self.tun = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        if self.tun >= 0:
            os.close(self.tun)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        self.process.stdout.close()
        self.process.stderr.close()

    def receive(self):
        """One message, or None at end of file. A passed descriptor goes to self.tun."""
        data = b""
        while len(data) < MESSAGE.size:
            chunk, control, _, _ = self.socket.recvmsg(MESSAGE.size - len(data), socket.CMSG_SPACE(64))
            for level, kind, value in control:
                assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
                descriptors = array.array("i", value[: len(value) - len(value) % 4])
                assert len(descriptors) == 1 and self.tun < 0
                self.tun = descriptors[0]
            if not chunk:
                assert not data, "half a message"
                return None
            data += chunk
        return Message(data)

    def go(self):
        self.socket.sendall(b"G")

    def finish(self):
        output, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, output, errors

    def run(self):
        """ready, go, exec, exit: (message, code, stdout)."""
        message = self.receive()
        assert message is not None and message.kind == READY, message and message.text
        self.go()
        end = self.receive()
        assert end is None, end.text
        code, output, errors = self.finish()
        assert errors == "", errors
        return message, code, output
