"""What stacks of perf say: which part of a byte's way each sample belongs to."""
import collections
import dataclasses
import os
import re

_FRAME = re.compile(r"^\s+[0-9a-f]+ (?P<symbol>.+?) \((?P<dso>[^()]*(?:\([^()]*\))?[^()]*)\)$")
_KERNEL_COPY = re.compile(r"^(rep_movs|copy_user|_?_?copy_(to|from)_(iter|user)|_copy_(to|from)_iter|copy_page|__?memcpy|memcpy|memmove|copyin|copyout|raw_copy|skb_copy_)")
_CHECKSUM = re.compile(r"csum|checksum", re.IGNORECASE)
# From the system call inwards, the first that matches says what the kernel was called for.
_CALLS = (
    ("TUN write", re.compile(r"^tun_(chr_write|get_user|build_skb|sendmsg)")),
    ("TUN read", re.compile(r"^tun_(chr_read|do_read|put_user|recvmsg|ring_recv)")),
    ("socket send", re.compile(r"^(____sys|sock|inet6?|tcp|udpv?6?)_(sendmsg|write_iter)|^__sys_send")),
    ("socket receive", re.compile(r"^(____sys|sock|inet6?|tcp|udpv?6?)_(recvmsg|read_iter)|^__sys_recv")),
    ("poll", re.compile(r"^(ep_|(do|__x64_sys|__do_sys|__se_sys)_epoll|do_sys_poll|do_poll|__x64_sys_p?poll|eventfd)")),
    ("futex", re.compile(r"^(do_futex|futex_|__x64_sys_futex)")),
    ("yield", re.compile(r"^(__x64_sys_|__do_sys_|do_)sched_yield")),
    ("preempted", re.compile(r"^(exit_to_user_mode_loop|schedule$)")),
    ("interrupts", re.compile(r"^(asm_|__?)?(sysvec_|common_interrupt|irq_exit|irqentry_exit|ret_from_fork)")),
)
# What is in each but the copies of payload, which are groups of their own.
DESCRIPTIONS = {
    "TUN write": "and the application's TCP, which runs behind it",
    "TUN read": "and what the application's TCP is woken for",
    "socket send": "upstream, and the server's TCP, which runs behind it on one machine",
    "socket receive": "upstream, and the acknowledgments that it causes",
    "poll": "epoll, poll, eventfd",
    "futex": "threads that wait for each other",
    "yield": "threads that look for work before they sleep",
    "preempted": "by other threads and programs of the machine",
    "managed": "code of the library and the framework",
    "runtime": "the CLR: JIT, GC, thread pool, system calls' shims",
}
_USER = (
    ("runtime", re.compile(r"^lib(coreclr|clrjit|clrgc|clrgcexp|System\.Native|hostfxr|hostpolicy)")),
    ("clock", re.compile(r"^\[vdso\]")),
    ("libc", re.compile(r"^(libc|libpthread|ld-linux|libm)[.-]")),
)


@dataclasses.dataclass
class Tally:
    samples: int = 0
    symbols: collections.Counter = dataclasses.field(default_factory=collections.Counter)


def parse(text):
    """[[(symbol, file)]], innermost first, from `perf script -F comm,tid,ip,sym,dso`."""
    samples, frames = [], []
    for line in [*text.splitlines(), ""]:
        if match := _FRAME.match(line):
            frames.append((match["symbol"].split("+0x")[0], match["dso"]))
        elif not line.strip() and frames:
            samples.append(frames)
            frames = []
    return samples


def parse_symbols(lines):
    """{symbol: part} from `nm --line-numbers`: whose source file the symbol is in."""
    known = {}
    for line in lines:
        left, tab, place = line.partition("\t")
        if tab:
            known[left.split()[-1]] = "lwIP" if "/lwip" in place and "/native/" not in place else "shim"
    return known


def is_kernel(dso):
    return dso.startswith("[") and dso != "[vdso]" and not dso.startswith("[anon") or dso.endswith((".ko", ".ko.xz"))


def group(frames, known):
    symbol, dso = frames[0]
    if is_kernel(dso):
        return kernel_group(frames)
    name = os.path.basename(dso)
    if name.startswith("libtunflow_lwip"):
        return "checksum (native)" if _CHECKSUM.search(symbol) else known.get(symbol, "shim")
    for part, pattern in _USER:
        if pattern.match(name):
            return "copy, in user space" if part == "libc" and re.match(r"^_*(mem(cpy|move|set)|mempcpy)", symbol) else part
    # perf-PID.map, the framework's own dlls, and the doubly mapped memory of the JIT.
    return "managed"


def kernel_group(frames):
    symbol = frames[0][0]
    outwards = [outer for outer, dso in reversed(frames) if is_kernel(dso)]
    called = next((name for outer in outwards for name, pattern in _CALLS if pattern.match(outer)), "kernel, other")
    if _CHECKSUM.search(symbol):
        return "checksum (kernel)"
    return f"copy, {called}" if _KERNEL_COPY.match(symbol) else called


def short(symbol):
    """Type::Method of what the runtime writes into its map, such as "instance void [Library] Name.Space.Type::Method(class X)[OptimizedTier1]"."""
    match = re.search(r"(?P<type>[^ .]+)::(?P<method>[^(\[ ]+)", symbol.replace("/", "."))
    return f"{match['type']}::{match['method']}" if match else symbol


def tally(samples, known):
    """{group: Tally}"""
    groups = collections.defaultdict(Tally)
    for frames in samples:
        entry = groups[group(frames, known)]
        entry.samples += 1
        entry.symbols[short(frames[0][0])] += 1
    return dict(groups)
