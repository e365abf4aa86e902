/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes fuzz programs: one function per operation.
 */
#ifndef TUNFLOW_FUZZ_WRITER_H
#define TUNFLOW_FUZZ_WRITER_H

#include <stdint.h>

/* Bits of a segment's `how`, see packet_segment(). */
enum { in_block = 1, batched = 4, free_flags = 8, super_packet = 16, with_options = 32, not_counted = 128 };
/* What call_flow() does. */
enum {
    accept_it = 0,
    refuse_it = 2,
    read_some = 3,
    read_all = 4,
    write_it = 5,
    shut = 7,
    discard_it = 8,
    abort_it = 9,
    close_it = 10,
    look = 11,
    shut_and_close = 12,
    write_and_abort = 13,
    answer_and_shut = 14,
    drop_and_close = 15
};
/* Of next_size(). */
enum { size_0 = 0, size_1 = 1, size_7 = 3, size_100 = 5, size_1460 = 11, size_2920 = 13, size_9000 = 15 };
/* Time jumps of call_stack(). */
enum { ms_40 = 2, ms_250 = 3, ms_500 = 5, s_1 = 6, s_3 = 7, s_20 = 8, s_60 = 9, h_1 = 10 };
/* bend() then changes nothing. */
enum { unbent = 0xC0 };

/* Kinds of options(), added up. */
enum { option_mss = 1, option_scale = 2, option_sack = 4 };
/* Bits of tf_event_flags by number, for react(). */
enum { on_connect, on_open, on_readable, on_writable, on_closed, on_session, on_drained };
/* Starts a program with its three bytes of configuration, the last of them 0. */
void begin(uint32_t configuration, uint32_t sizes);
void begin_more(uint32_t configuration, uint32_t sizes, uint32_t more);
/* Writes the program to `directory`/`name`-`number`; ends the process if it cannot. */
void save(const char *directory, const char *name, uint32_t number);

void put(uint32_t value);
void put16(uint32_t value);
void output(void);
void syn(uint32_t tuple, uint32_t window);
void syn_with(uint32_t tuple, uint32_t window, uint32_t options, uint32_t mss);
void segment_at(uint32_t tuple, uint32_t how, uint32_t flags, uint32_t offset, uint32_t window,
                uint32_t size);
/* `segments` of `size` bytes, each `stride` further than the one before. */
void burst(uint32_t tuple, uint32_t segments, uint32_t stride, uint32_t size);
void segment(uint32_t tuple, uint32_t flags, uint32_t window, uint32_t size);
void flow(uint32_t index, uint32_t what);
void tick(uint32_t jump);
/* From deadline to deadline, 1 to 63 times. */
void run_timers(uint32_t times);
/* `what` at once at every such event from now on. */
void react(uint32_t event, uint32_t what, uint32_t first, uint32_t second);
/* Piece `index` (or all, from the first) of a datagram or segment cut to 64 + 8 * `mtu` bytes. */
void fragment(uint32_t tuple, uint32_t how, uint32_t size, uint32_t id, uint32_t index, uint32_t mtu);
/* The same with any number of bytes in all. */
void fragment_of(uint32_t tuple, uint32_t how, uint32_t bytes, uint32_t id, uint32_t index, uint32_t mtu);
void write_size(uint32_t index, uint32_t size, uint32_t more);
void open_flow(uint32_t tuple, uint32_t index);
void close_flow(uint32_t index);

#endif
