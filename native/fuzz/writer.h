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
    look = 11
};
/* Of next_size(). */
enum { size_0 = 0, size_1 = 1, size_7 = 3, size_100 = 5, size_1460 = 11, size_2920 = 13, size_9000 = 15 };
/* Time jumps of call_stack(). */
enum { ms_40 = 2, ms_250 = 3, ms_500 = 5, s_1 = 6, s_3 = 7, s_20 = 8, s_60 = 9, h_1 = 10 };
/* bend() then changes nothing. */
enum { unbent = 0xC0 };

/* Starts a program with its two bytes of configuration. */
void begin(uint32_t configuration, uint32_t sizes);
/* Writes the program to `directory`/`name`-`number`; ends the process if it cannot. */
void save(const char *directory, const char *name, uint32_t number);

void put(uint32_t value);
void put16(uint32_t value);
void output(void);
void syn(uint32_t tuple, uint32_t window);
void segment_at(uint32_t tuple, uint32_t how, uint32_t flags, uint32_t offset, uint32_t window,
                uint32_t size);
void segment(uint32_t tuple, uint32_t flags, uint32_t window, uint32_t size);
void flow(uint32_t index, uint32_t what);
void tick(uint32_t jump);
void write_size(uint32_t index, uint32_t size, uint32_t more);
void open_flow(uint32_t tuple, uint32_t index);
void close_flow(uint32_t index);

#endif
