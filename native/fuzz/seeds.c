/* SPDX-License-Identifier: Apache-2.0 */
#include "seeds.h"

#include "program.h"
#include "wire.h"
#include "writer.h"

/* Every call at every event of a connection's life, and of a session's. */
void seeds_of_reactions(const char *directory)
{
    static const uint32_t calls[] = {accept_it, refuse_it,      read_all,        write_it,        shut,     discard_it,
                                     abort_it,  close_it,       shut_and_close,  write_and_abort, look,     answer_and_shut,
                                     drop_and_close};
    for (uint32_t event = on_connect; event <= on_drained; event++) {
        begin(3 | (event & 1 ? 16 : 0), 0);
        for (uint32_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
            uint32_t tuple = i % 6;
            react(event, calls[i], size_1460, size_7);
            open_flow(tuple, i % 4);
            segment(tuple, WIRE_PSH, 60000, size_1460);
            write_size(i % 4, size_9000, 64);
            flow(i % 4, shut);
            output();
            segment(tuple, WIRE_FIN, 60000, size_100);
            tick(ms_250);
            segment_at(tuple, free_flags, WIRE_RST | WIRE_ACK, 0, 0, size_0);
            put(OPERATION_DATAGRAM);
            put(tuple);
            put(i << 4);
            put(size_100);
            put(unbent);
            put(OPERATION_REACT);
            put(0x80 | event);
            close_flow(i % 4);
        }
        save(directory, "reaction", event);
    }
}

/* Lost data: by duplicate acknowledgments, by the timer until it gives up, and windows that shut and probe. */
void seeds_of_recovery(const char *directory)
{
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t tuple = i & 1;
        begin(i & 2, i & 4 ? 16 : 0);
        open_flow(tuple, 0);
        for (uint32_t round = 0; round < 4; round++) {
            write_size(0, size_9000, 0);
            output();
            segment(tuple, 0, 60000, size_0);
        }
        write_size(0, size_9000, 64);
        for (uint32_t round = 0; round < 8; round++) {
            segment(tuple, 0, 60000, size_0);
        }
        if (i & 4) {
            run_timers(20);
        }
        output();
        segment(tuple, 0, 60000, size_0);
        segment(tuple, 0, i & 1 ? 0 : 500, size_0);
        write_size(0, size_1460, 0);
        for (uint32_t round = 0; round < 6; round++) {
            run_timers(12);
            output();
            segment(tuple, 0, round & 1 ? 0 : 700, size_0);
        }
        for (uint32_t round = 0; i == 3 && round < 20; round++) {
            run_timers(63);
            output();
        }
        close_flow(0);
        run_timers(63);
        save(directory, "recovery", i);
    }
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t tuple = i & 1;
        begin(2, i & 2 ? 16 : 0);
        syn_with(tuple, i & 2 ? 0 : 300, option_mss | option_sack, i & 2 ? 88 : 1460);
        flow(0, accept_it);
        output();
        segment(tuple, 0, 0, size_0);
        write_size(0, i & 1 ? size_1460 : size_1, 0);
        if (i & 2) {
            flow(0, shut);
        }
        for (uint32_t round = 0; round < 10; round++) {
            run_timers(round * 3);
            output();
            segment(tuple, 0, round < 8 ? round & 1 : 60000, round & 2 ? size_100 : size_0);
        }
        close_flow(0);
        run_timers(40);
        save(directory, "shut-window", i);
    }
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t tuple = i & 1;
        begin(2, 8);
        syn_with(tuple, 60000, option_mss | option_sack | option_scale, 1460);
        flow(0, accept_it);
        output();
        segment(tuple, 0, 60000, size_0);
        for (uint32_t j = 0; j < 24; j++) {
            uint32_t offset = i & 2 ? 16000 - 700 * j : 200 + 650 * j;
            segment_at(tuple, not_counted, 0, offset, 60000, j % 5 == 4 ? size_1460 : size_100);
            output();
        }
        segment_at(tuple, not_counted, WIRE_FIN, 14000, 60000, size_2920);
        segment(tuple, 0, 60000, size_1460);
        segment(tuple, 0, 60000, size_2920);
        segment_at(tuple, not_counted, 0, 0xFC00, 60000, size_9000);
        flow(0, read_all);
        output();
        close_flow(0);
        save(directory, "holes", i);
    }
}

/* More pieces of received data than a flow keeps; then what was missing. */
void seeds_of_holes(const char *directory)
{
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t tuple = i & 1;
        begin(2, 0);
        syn_with(tuple, 60000, option_mss | option_sack | option_scale, 1460);
        flow(0, accept_it);
        output();
        segment(tuple, 0, 60000, size_0);
        for (uint32_t j = 0; j < 3; j++) {
            burst(tuple, 250, i & 2 ? 20 - 3 * j : 2 + 7 * j, 1);
            output();
        }
        segment(tuple, 0, 60000, size_1460);
        burst(tuple, 200, 20, 20);
        flow(0, read_all);
        close_flow(0);
        output();
        save(directory, "many-holes", i);
    }
}

/* The states that two ends reach which close at once, or speak out of turn before they are connected. */
void seeds_of_closing(const char *directory)
{
    for (uint32_t i = 0; i < 6; i++) {
        uint32_t tuple = i & 1;
        begin(2, 0);
        open_flow(tuple, 0);
        if (i & 2) {
            write_size(0, size_1460, 0);
        }
        flow(0, shut);
        /* The client has not seen our FIN: its own does not acknowledge it. */
        segment(tuple, WIRE_FIN, 60000, i & 4 ? size_7 : size_0);
        output();
        segment(tuple, 0, 60000, size_0);
        segment_at(tuple, not_counted | free_flags, WIRE_FIN | WIRE_ACK, 0xFFFF, 60000, size_0);
        segment_at(tuple, not_counted | free_flags, WIRE_SYN | WIRE_ACK, 0, 60000, size_0);
        close_flow(0);
        run_timers(20);
        syn(tuple, 60000);
        flow(0, accept_it);
        flow(1, accept_it);
        syn(tuple, 60000);
        segment_at(tuple, not_counted | free_flags, WIRE_ACK, 0x4000, 60000, size_7);
        segment_at(tuple, free_flags, i & 1 ? WIRE_RST : WIRE_RST | WIRE_ACK, i & 2 ? 100 : 0, 0, size_0);
        output();
        segment(tuple, WIRE_FIN, 60000, i & 4 ? size_7 : size_0);
        output();
        flow(0, shut);
        flow(1, shut);
        output();
        segment(tuple, 0, 60000, size_0);
        run_timers(10);
        save(directory, "closing", i);
    }
}

/* Out of order, with holes that are filled, doubled, and more pieces than lwIP keeps. */
void seeds_of_fragments(const char *directory)
{
    static const uint32_t orders[][6] = {{5, 4, 3, 2, 1, 0}, {0, 2, 4, 1, 3, 5}, {1, 1, 0, 5, 4, 2}, {3, 0, 5, 2, 4, 1}};
    for (uint32_t i = 0; i < 8; i++) {
        begin_more(1, 0, 1);
        for (uint32_t j = 0; j < 6; j++) {
            fragment(i & 1, i & 4 ? 8 : 0, size_1460, 1, orders[i / 2][j], 24);
        }
        fragment(i & 1, 16, size_2920, 2, 0, 8);
        /* Overlapping: the same datagram, cut to another size. */
        fragment(i & 1, 0, size_1460, 3, 1, 16);
        fragment(i & 1, 0, size_1460, 3, 1, 24);
        fragment(i & 1, 0, size_1460, 3, 0, 24);
        run_timers(40);
        save(directory, "pieces", i);
    }
    for (uint32_t i = 0; i < 4; i++) {
        begin_more(1, 0, 1);
        for (uint32_t j = 0; j < (i & 2 ? 260 : 400); j++) {
            if (i & 2) {
                fragment_of(i & 1, 0, 11000, 0, j, 0);
            } else {
                fragment(i & 1, 0, size_9000, j & 3, 3 * (j >> 2) + 1, 0);
            }
        }
        /* All in one piece, which over IPv6 may be marked as a fragment all the same (RFC 6946). */
        fragment(i & 1, 0, size_100, 1, 0, 255);
        fragment(i & 1, 16, size_1460, 3, 0, 24);
        run_timers(40);
        save(directory, "too-many-pieces", i);
    }
}
