import unittest

import paths  # noqa: F401
import stacks

TEXT = """TunFlow tfbench  101
\tffffffff81aa _copy_to_iter+0x12 ([kernel.kallsyms])
\tffffffff81ab tun_do_read+0x40 ([kernel.kallsyms])
\tffffffff81ac tun_chr_read_iter+0x1 ([tun])
\tffffffff81ad do_syscall_64+0x1 ([kernel.kallsyms])
\t    7f01 __GI___readv+0x1 (/usr/lib/x86_64-linux-gnu/libc.so.6)

.NET TP Worker  102
\t    7f02 instance void [TunFlow.Lwip] TunFlow.Lwip.FlowRelay+<PumpDownAsync>d__40::MoveNext()[OptimizedTier1]+0x9 (/tmp/perf-7.map)
\t    7f03 [unknown] (/usr/share/dotnet/shared/Microsoft.NETCore.App/10.0.0/libcoreclr.so)

"""
NM = ["0000000000001000 T tf0_tcp_input\t/x/build/cache/lwip-2.2.1/src/core/tcp_in.c:118", "0000000000002000 t op_flow_receive\t/x/native/src/flow_ops.c:20",
      "0000000000003000 t no_line"]
KNOWN = stacks.parse_symbols(NM)


def kernel(*symbols):
    return [(symbol, "[kernel.kallsyms]") for symbol in symbols]


class StacksTest(unittest.TestCase):
    def test_stacks_are_read_from_the_innermost_frame_out(self):
        first, second = stacks.parse(TEXT)
        self.assertEqual(("_copy_to_iter", "[kernel.kallsyms]"), first[0])
        self.assertEqual(5, len(first))
        self.assertEqual("/tmp/perf-7.map", second[0][1])
        self.assertEqual([2], [len(second)])

    def test_a_last_stack_without_an_empty_line_counts(self):
        self.assertEqual(2, len(stacks.parse(TEXT.rstrip("\n"))))

    def test_the_outermost_call_decides(self):
        cases = {
            "TUN write": kernel("tcp_v4_rcv", "__netif_receive_skb_core", "tun_get_user", "tun_chr_write_iter", "vfs_writev", "do_syscall_64"),
            "copy, TUN read": kernel("_copy_to_iter", "tun_do_read", "tun_chr_read_iter", "do_syscall_64"),
            "copy, socket receive": kernel("_copy_to_iter", "tcp_recvmsg_locked", "tcp_recvmsg", "inet_recvmsg", "__sys_recvfrom"),
            "socket send": kernel("tun_net_xmit", "tcp_v4_rcv", "__tcp_transmit_skb", "tcp_sendmsg_locked", "tcp_sendmsg", "__sys_sendto"),
            "checksum (kernel)": kernel("csum_partial", "tcp_gso_segment", "tun_get_user", "tun_chr_write_iter"),
            "poll": kernel("finish_task_switch.isra.0", "schedule", "ep_poll", "do_epoll_wait", "__x64_sys_epoll_wait"),
            "futex": kernel("finish_task_switch.isra.0", "schedule", "futex_wait", "do_futex", "__x64_sys_futex"),
            "yield": kernel("finish_task_switch.isra.0", "schedule", "do_sched_yield", "__x64_sys_sched_yield"),
            "interrupts": kernel("handle_softirqs", "irq_exit_rcu", "sysvec_apic_timer_interrupt", "asm_sysvec_apic_timer_interrupt"),
            "kernel, other": kernel("do_syscall_64"),
        }
        for expected, frames in cases.items():
            self.assertEqual(expected, stacks.group(frames, {}))

    def test_users_code_is_told_apart(self):
        cases = {
            ("tf0_tcp_input", "/x/libtunflow_lwip.so"): "lwIP", ("op_flow_receive", "/x/libtunflow_lwip.so"): "shim",
            ("tf0_tf_verify_checksum", "/x/libtunflow_lwip.so"): "checksum (native)", ("no_line", "/x/libtunflow_lwip.so"): "shim",
            ("__memmove_avx512_unaligned_erms", "/usr/lib/libc.so.6"): "copy, in user space", ("_int_malloc", "/usr/lib/libc.so.6"): "libc",
            ("[unknown]", "/usr/share/dotnet/libcoreclr.so"): "runtime", ("x", "/tmp/perf-7.map"): "managed", ("x", "System.Private.CoreLib.dll"): "managed",
            ("__vdso_clock_gettime", "[vdso]"): "clock",
        }
        for frame, expected in cases.items():
            self.assertEqual(expected, stacks.group([frame], KNOWN))

    def test_interrupted_users_code_is_not_charged_to_the_caller(self):
        frames = [*kernel("handle_softirqs", "asm_sysvec_apic_timer_interrupt"), ("Main", "/tmp/perf-7.map")]
        self.assertEqual("interrupts", stacks.group(frames, {}))

    def test_every_sample_is_in_one_group(self):
        tallies = stacks.tally(stacks.parse(TEXT), KNOWN)
        self.assertEqual({"copy, TUN read": 1, "managed": 1}, {name: tally.samples for name, tally in tallies.items()})
        self.assertEqual(["FlowRelay+<PumpDownAsync>d__40::MoveNext"], list(tallies["managed"].symbols))

    def test_native_names_stay(self):
        self.assertEqual("tcp_output_alloc_header", stacks.short("tcp_output_alloc_header"))


if __name__ == "__main__":
    unittest.main()
