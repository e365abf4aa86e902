/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes the seed corpus: programs that walk through the life of connections
 * and sessions, by hand and at random from well-formed operations. The same
 * files every time; a ctest compares them with the committed ones.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "program.h"
#include "seeds.h"
#include "wire.h"
#include "writer.h"

enum { random_programs = 90 };

static const char *directory;

static void lives(void)
{
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t tuple = i & 1;
        begin(3 | (i & 2 ? 16 : 0), i & 4 ? 8 + 16 : 0);
        open_flow(tuple, 0);
        for (uint32_t round = 0; round < 4; round++) {
            segment(tuple, WIRE_PSH, 60000, size_1460);
            segment(tuple, WIRE_PSH, 60000, size_100);
            flow(0, read_all);
            write_size(0, size_9000, 0);
            output();
            segment(tuple, 0, 60000, size_0);
            tick(ms_40);
        }
        if (i < 4) {
            segment(tuple, WIRE_FIN, 60000, size_7);
            flow(0, read_all);
            flow(0, shut);
            output();
            segment(tuple, 0, 60000, size_0);
        } else {
            flow(0, shut);
            output();
            segment(tuple, 0, 60000, size_0);
            segment(tuple, 0, 60000, size_1460);
            segment(tuple, WIRE_FIN, 60000, size_0);
            output();
            segment_at(tuple, not_counted, WIRE_FIN, 0xFFFF, 60000, size_0);
            syn(tuple, 60000);
            flow(1, accept_it);
        }
        close_flow(0);
        tick(s_3);
        output();
        save(directory, "life", i);
    }
}

static void losses(void)
{
    for (uint32_t i = 0; i < 6; i++) {
        uint32_t tuple = i & 1;
        begin(i & 2, 0);
        open_flow(tuple, 0);
        for (uint32_t round = 0; round < 6; round++) {
            write_size(0, size_9000, round & 1 ? 64 : 0);
            output();
            segment(tuple, 0, 60000, size_0);
        }
        write_size(0, size_9000, 64);
        /* The client has not looked yet: these acknowledge nothing new. */
        for (uint32_t round = 0; round < 5; round++) {
            segment(tuple, 0, 60000, size_0);
        }
        write_size(0, size_1460, 0);
        segment(tuple, 0, 60000, size_0);
        for (uint32_t round = 0; round < 5; round++) {
            tick(i < 2 ? s_3 : ms_500);
            if (i >= 4) {
                output();
            }
        }
        segment(tuple, 0, 50000, size_0);
        output();
        segment(tuple, 0, 50000, size_0);
        for (uint32_t round = 0; i == 3 && round < 40; round++) {
            tick(s_20);
            output();
        }
        close_flow(0);
        tick(s_20);
        tick(s_60);
        save(directory, "loss", i);
    }
}

static void disorder(void)
{
    static const uint32_t offsets[] = {1460, 4380, 2920, 1000, 0xFF00, 100, 5000, 5840, 3000, 0xF000};
    for (uint32_t i = 0; i < 6; i++) {
        uint32_t tuple = i & 1;
        begin(2, i & 2 ? 8 : 0);
        open_flow(tuple, 0);
        for (uint32_t j = 0; j < 10; j++) {
            segment_at(tuple, not_counted | (i & 4 ? in_block : 0), j == 7 ? WIRE_FIN : 0,
                       offsets[(j + i) % 10], 60000, j & 1 ? size_1460 : size_2920);
            output();
        }
        segment(tuple, 0, 60000, size_2920);
        segment(tuple, 0, 60000, size_2920);
        segment_at(tuple, with_options, WIRE_PSH, 0, 60000, size_9000);
        flow(0, read_some);
        put(size_100);
        flow(0, read_all);
        output();
        tick(ms_250);
        tick(s_20);
        flow(0, i & 1 ? abort_it : discard_it);
        segment(tuple, 0, 60000, size_2920);
        close_flow(0);
        output();
        save(directory, "disorder", i);
    }
}

static void windows(void)
{
    static const uint32_t sizes[] = {0, 1, 10, 132, 264, 1000, 60000};
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t tuple = i & 1;
        begin(2, i & 4 ? 16 + 32 : 0);
        syn(tuple, i & 2 ? 0 : 1000);
        flow(0, accept_it);
        output();
        segment(tuple, 0, 0, size_0);
        write_size(0, i & 1 ? size_9000 : size_1, 0);
        for (uint32_t j = 0; j < 12; j++) {
            tick(j & 1 ? ms_500 : s_3);
            output();
            segment(tuple, 0, sizes[(i + j) % 7] >> (j & 2), j & 4 ? size_100 : size_0);
            write_size(0, size_100, 0);
        }
        flow(0, read_all);
        flow(0, shut);
        tick(s_3);
        output();
        segment(tuple, WIRE_FIN, 60000, size_0);
        close_flow(0);
        tick(s_3);
        save(directory, "window", i);
    }
}

static void flags(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t tuple = i & 1;
        begin(2, 0);
        for (uint32_t f = 0; f < 64; f++) {
            if (f % 8 == 0) {
                open_flow(tuple, 0);
                if (i & 2) {
                    flow(0, shut);
                    output();
                }
            }
            segment_at(tuple, free_flags | (f & 1 ? not_counted : 0), f, f & 4 ? 0 : 10, 60000,
                       f & 2 ? size_7 : size_0);
            output();
            if (f % 8 == 7) {
                flow(0, abort_it);
                close_flow(0);
                tick(s_3);
            }
        }
        save(directory, "flags", i);
    }
}

static void pending(void)
{
    for (uint32_t i = 0; i < 6; i++) {
        begin(2 + 32 + 64, 0);
        for (uint32_t tuple = 0; tuple < 6; tuple++) {
            syn(tuple, 60000);
            syn(tuple, 60000);
        }
        segment_at(0, free_flags, WIRE_RST, 0, 0, size_0);
        for (uint32_t index = 0; index < 6; index++) {
            if (i == 0) {
                flow(index, accept_it);
            } else if (i < 6) {
                flow(index, refuse_it);
                put(i - 1);
            }
        }
        output();
        if (i == 0) {
            tick(s_3);
            for (uint32_t tuple = 0; tuple < 4; tuple++) {
                segment(tuple, 0, 60000, size_7);
            }
            for (uint32_t round = 0; round < 12; round++) {
                tick(s_20);
                output();
            }
        }
        tick(s_60);
        tick(h_1);
        put(OPERATION_STACK);
        put(0xF9);
        output();
        save(directory, "pending", i);
    }
}

static void datagrams(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t tuple = i & 1;
        bool queues = i == 3; /* echo requests are left to the caller */
        begin(1, (i & 2 ? 2 : 0) | (queues ? 128 : 0));
        for (uint32_t j = 0; j < 16; j++) {
            put(OPERATION_DATAGRAM);
            put(tuple);
            put((j & 7) << 4);
            put(j);
            put(unbent);
            put(OPERATION_FRAGMENT);
            put(tuple);
            put(16 | (j & 1 ? 32 : 0) | (j & 2 ? 8 : 0));
            put(size_9000);
            put(j);
            put(j);
            put(20 * j);
            if (j & 1) {
                put(1);
                put(j);
                put(j * 16);
            }
            put(OPERATION_ECHO);
            put(tuple);
            put(0);
            put(j);
            put(unbent);
            if (queues) {
                put(OPERATION_STACK);
                put(j & 1 ? 0x85 : (j & 7) << 3 | 5);
            }
            put(OPERATION_SESSION);
            put(j & 3);
            put(j % 8 + (j << 4));
            put16(j * 100);
            put(j);
        }
        for (uint32_t j = 0; j < 20; j++) {
            tick(s_1);
        }
        output();
        save(directory, "datagram", i);
    }
}

static void offload(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t tuple = i & 1;
        begin(2 | (i & 2 ? 16 : 0), 0);
        open_flow(tuple, 0);
        for (uint32_t j = 0; j < 6; j++) {
            segment_at(tuple, super_packet | (j & 1 ? in_block : 0) | (j & 2 ? batched : 0), WIRE_PSH, 0,
                       60000, size_9000);
            write_size(0, size_9000, 64);
            flow(0, read_all);
            output();
        }
        put(OPERATION_FLUSH);
        put(OPERATION_STACK);
        put(0x20);
        write_size(0, size_9000, 64);
        output();
        save(directory, "offload", i);
    }
}

static void one_at_random(uint64_t *state)
{
    uint32_t tuple = prng_below(state, 6);
    uint32_t index = prng_below(state, 7);
    uint32_t size = prng_below(state, 16);
    static const uint32_t widths[] = {0, 1, 500, 1000, 8000, 60000, 65535, 60000};
    uint32_t window = widths[prng_below(state, 8)];
    switch (prng_below(state, 22)) {
    case 0:
        syn(tuple, window);
        break;
    case 1:
        open_flow(tuple, index);
        break;
    case 2:
    case 3:
    case 4:
    case 5:
        segment(tuple, prng_below(state, 12) == 0 ? WIRE_FIN : WIRE_PSH, window, size);
        break;
    case 6:
        segment_at(tuple, not_counted, 0,
                   prng_below(state, 4) != 0 ? prng_below(state, 6000) : 0xFFFF - prng_below(state, 3000),
                   60000, size);
        break;
    case 7:
        segment_at(tuple, super_packet | prng_below(state, 8), 0, 0, window, size);
        break;
    case 8:
    case 9:
        write_size(index, size, 64 * prng_below(state, 2) + 16 * prng_below(state, 4));
        break;
    case 10:
    case 11:
        flow(index, read_all);
        break;
    case 12:
        flow(index, prng_below(state, 16));
        put(size);
        break;
    case 13:
        put(OPERATION_DATAGRAM);
        put(tuple);
        put(prng_below(state, 256) & 0xF7);
        put(size);
        put(unbent);
        break;
    case 14:
        put(OPERATION_SESSION);
        put(prng_below(state, 4));
        put(prng_below(state, 256));
        put16(prng_below(state, 65536));
        put(size);
        break;
    case 15:
    case 16:
        output();
        segment(tuple, 0, window, size_0);
        break;
    case 17:
        if (prng_below(state, 3) == 0) {
            run_timers(prng_below(state, 12));
        } else {
            tick(prng_below(state, 8));
        }
        break;
    case 20:
        burst(tuple, prng_below(state, 64), prng_below(state, 4000) - 1000, prng_below(state, 200));
        break;
    case 19:
        react(prng_below(state, 7) | (prng_below(state, 4) == 0 ? 0x80 : 0), prng_below(state, 256), size, size);
        break;
    case 18:
        segment_at(tuple, free_flags | not_counted, prng_below(state, 64), prng_below(state, 2) * 100, window,
                   size);
        break;
    default:
        put(OPERATION_STACK);
        put(prng_below(state, 8) == 0 ? prng_below(state, 256) : 4);
        put(ms_250);
        break;
    }
}

static void random_ones(void)
{
    for (uint32_t i = 0; i < random_programs; i++) {
        uint64_t state = 0x1234567 + 977 * i;
        begin(prng_below(&state, 256), prng_below(&state, 256) & (i % 8 == 0 ? 0xFF : 0x3F));
        for (uint32_t tuple = 0; tuple < 3; tuple++) {
            open_flow(tuple, tuple);
        }
        for (uint32_t j = 0; j < 150; j++) {
            one_at_random(&state);
        }
        save(directory, "random", i);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    directory = argv[1];
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        perror(directory);
        return 1;
    }
    lives();
    losses();
    disorder();
    windows();
    flags();
    pending();
    datagrams();
    offload();
    seeds_of_reactions(directory);
    seeds_of_recovery(directory);
    seeds_of_holes(directory);
    seeds_of_closing(directory);
    seeds_of_fragments(directory);
    random_ones();
    return 0;
}
