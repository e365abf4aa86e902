/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls of the ABI, in any order and state. Results are statuses; what is
 * checked is that they are possible ones.
 */
#include "world.h"

#include <string.h>

#include "counters.h"
#include "tf_test_hooks.h"

static void status(int32_t result)
{
    if (result < TF_E_TIMEOUT) {
        finding("a status that does not exist");
    }
}

static void receive(world *w, uint64_t id, uint32_t length)
{
    tf_slice slices[TF_MAX_SLICES];
    uint32_t pieces = 0;
    uint32_t end = 0;
    int32_t shown = tf_flow_receive(w->stack, id, slices, TF_MAX_SLICES, &pieces, &end);
    status(shown);
    uint64_t total = 0;
    uint8_t folded = 0;
    for (uint32_t i = 0; shown > 0 && i < pieces; i++) {
        total += slices[i].length;
        for (uint64_t j = 0; j < slices[i].length; j += 16) {
            folded ^= slices[i].data[j];
        }
    }
    __asm__ volatile("" : : "r"(folded));
    if (shown > 0 && total != (uint64_t)shown) {
        finding("tf_flow_receive shows another number of bytes");
    }
    if (shown > 0) {
        uint32_t part = length < (uint32_t)shown ? length : (uint32_t)shown;
        if (tf_flow_consume(w->stack, w->now, id, part) != TF_OK) {
            finding("shown bytes cannot be consumed");
        }
    } else {
        status(tf_flow_consume(w->stack, w->now, id, length & 3));
    }
}

static void write_bytes(world *w, uint64_t id, uint32_t length, uint8_t how)
{
    static uint8_t data[8 * 65536]; /* the largest length that call_flow makes */
    if ((how & 1) == 0) {
        int32_t taken = tf_flow_write(w->stack, w->now, id, data, length);
        status(taken);
        if (taken > (int32_t)length) {
            finding("more written than given");
        }
        return;
    }
    uint8_t *block = w->blocks[how % BLOCKS];
    if (block == NULL) {
        block = w->blocks[how % BLOCKS] = tf_block_alloc(w->stack, 4000);
    }
    if (block != NULL) {
        uint32_t offset = length < 4000 ? (how & 2 ? 4000 - length : 0) : 0;
        int32_t taken = tf_flow_write_block(w->stack, w->now, id, block, block + offset, length);
        status(taken);
        if (taken >= 0 && length > 4000) {
            finding("a write beyond its block");
        }
    }
}

/* The low four bits of `what` choose; the last four are orderings that need no event between the calls. */
void flow_action(world *w, uint64_t id, uint8_t what, program *p)
{
    tf_flow_details details;
    count->calls++;
    switch (what & 15) {
    case 0:
    case 1:
        status(tf_flow_accept(w->stack, w->now, id));
        break;
    case 2:
        status(tf_flow_refuse(w->stack, w->now, id, next8(p) % 6));
        break;
    case 3:
        receive(w, id, next_size(p));
        break;
    case 4:
        receive(w, id, 1 << 20);
        break;
    case 5:
    case 6:
        write_bytes(w, id, next_size(p) * (what & 64 ? 8 : 1), what >> 4);
        break;
    case 7:
        status(tf_flow_shutdown(w->stack, w->now, id));
        break;
    case 8:
        status(tf_flow_discard(w->stack, w->now, id));
        break;
    case 9:
        status(tf_flow_abort(w->stack, w->now, id));
        break;
    case 10:
        status(tf_flow_close(w->stack, w->now, id, next8(p) * 250000ull));
        break;
    case 11:
        status(tf_flow_writable(w->stack, id));
        status(tf_flow_get_details(w->stack, id, &details));
        break;
    case 12:
        status(tf_flow_shutdown(w->stack, w->now, id));
        status(tf_flow_close(w->stack, w->now, id, next8(p) * 250000ull));
        break;
    case 13:
        write_bytes(w, id, next_size(p), what >> 4);
        status(tf_flow_abort(w->stack, w->now, id));
        status(tf_flow_close(w->stack, w->now, id, 0));
        break;
    case 14:
        receive(w, id, 1 << 20);
        write_bytes(w, id, next_size(p), what >> 4);
        status(tf_flow_shutdown(w->stack, w->now, id));
        break;
    default:
        receive(w, id, next_size(p));
        status(tf_flow_discard(w->stack, w->now, id));
        status(tf_flow_close(w->stack, w->now, id, next8(p) * 250000ull));
        break;
    }
}

void call_flow(world *w, program *p)
{
    uint64_t id = w->flows[next8(p) % FLOWS];
    uint8_t what = next8(p);
    flow_action(w, id, what, p);
}

static void session_receive(world *w, uint64_t id)
{
    tf_datagram *received[4];
    int32_t taken = tf_session_receive(w->stack, id, received, 4);
    status(taken);
    for (int32_t i = 0; i < taken; i++) {
        uint32_t place = (uint32_t)i;
        while (place < DATAGRAMS && w->datagrams[place] != NULL) {
            place++;
        }
        if (place == DATAGRAMS) {
            tf_datagram_free(received[i]);
        } else {
            w->datagrams[place] = received[i];
            w->datagram_sessions[place] = id;
        }
    }
}

void session_action(world *w, uint64_t id, uint8_t what, program *p)
{
    static uint8_t data[WIRE_MAX + 1];
    count->calls++;
    uint32_t place = (what >> 4) % DATAGRAMS;
    tf_endpoint source = w->tuples[(what >> 4) % TUPLES].remote;
    switch (what % 8) {
    case 0:
        session_receive(w, id);
        break;
    case 1:
        if (w->datagrams[place] != NULL) {
            status(tf_session_refuse(w->stack, w->now, w->datagram_sessions[place], w->datagrams[place],
                                     next8(p) % 6));
        } else {
            status(tf_session_refuse_remote(w->stack, w->now, id, &source, next8(p) % 6));
        }
        break;
    case 2:
        tf_datagram_free(w->datagrams[place]);
        w->datagrams[place] = NULL;
        break;
    case 3:
    case 4:
        source.port = next16(p);
        status(tf_session_send(w->stack, w->now, id, &source, data, next_size(p)));
        break;
    case 5:
        status(tf_session_set_idle(w->stack, w->now, id, next8(p) * 1000000ull));
        break;
    case 6:
        status(tf_session_close(w->stack, id));
        break;
    default:
        status(tf_session_get_source(w->stack, id, &source));
        break;
    }
}

/* One more is received, or the oldest answered. */
static void echo(world *w, uint8_t what)
{
    uint32_t count = 0;
    while (count < ECHOES && w->echoes[count] != NULL) {
        count++;
    }
    if ((what & 0x80) != 0) {
        int32_t received = tf_echo_receive(w->stack, w->echoes + count, ECHOES - count);
        status(received);
        if (received > (int32_t)(ECHOES - count)) {
            finding("more echo requests than the limit allows");
        }
    } else if (count != 0) {
        uint32_t refusal = what >> 3;
        status(tf_echo_answer(w->stack, w->now, w->echoes[0], refusal));
        if (refusal <= TF_REFUSE_NOT) {
            memmove(w->echoes, w->echoes + 1, sizeof w->echoes - sizeof w->echoes[0]);
            w->echoes[ECHOES - 1] = NULL;
        }
    }
}

void call_session(world *w, program *p)
{
    uint64_t id = w->sessions[next8(p) % SESSIONS];
    uint8_t what = next8(p);
    session_action(w, id, what, p);
}

/* Time goes from deadline to deadline, as it does when an owner sleeps. */
static void run_deadlines(world *w, uint32_t most)
{
    for (uint32_t i = 0; i < most; i++) {
        uint64_t deadline = tf_stack_deadline(w->stack);
        if (deadline == TF_NO_DEADLINE) {
            return;
        }
        w->now = deadline > w->now ? deadline : w->now;
        status(tf_stack_tick(w->stack, w->now));
        world_observe(w);
    }
}

void call_stack(world *w, program *p)
{
    static const uint32_t mtus[] = {576, 1280, 1500, 9000, 65535, 100, 70000, 1400};
    static const uint64_t jumps[] = {0,       1000,    40000,    250000,   250000,       500000,
                                     1000000, 3000000, 20000000, 60000000, 3600000000ull};
    uint8_t what = next8(p);
    switch (what % 8) {
    case 0: {
        uint32_t mtu = mtus[what >> 5];
        int32_t result = tf_stack_set_mtu(w->stack, mtu);
        status(result);
        /* A larger one holds for what is queued already, a smaller one not. */
        if (result == TF_OK && mtu > w->mtu) {
            w->mtu = mtu;
        }
        break;
    }
    case 1:
        if (what >= 0xF0) {
            status(tf_stack_abort_all(w->stack, w->now));
        }
        break;
    case 2:
        count->failed_allocations++;
        tf_test_fail_allocation(w->stack, what >> 4, 0);
        break;
    case 3:
        tf_test_fail_allocation(w->stack, 0, what >= 0x80 ? 100 : 0);
        break;
    case 5:
        echo(w, what);
        break;
    default: {
        uint8_t jump = next8(p);
        if (jump >= 0x80) {
            run_deadlines(w, jump & 0x3Fu);
            break;
        }
        w->now += jumps[jump % (sizeof jumps / sizeof jumps[0])];
        /* The deadline is a promise: at it, and only then, there is work. */
        for (uint32_t i = 0; i < 4 && tf_stack_deadline(w->stack) <= w->now; i++) {
            status(tf_stack_tick(w->stack, w->now));
        }
        if (tf_stack_deadline(w->stack) <= w->now) {
            finding("the deadline does not move");
        }
        break;
    }
    }
}

void call_block(world *w, program *p)
{
    uint8_t what = next8(p);
    uint8_t **block = &w->blocks[what % BLOCKS];
    if (*block == NULL) {
        *block = tf_block_alloc(w->stack, 4000);
        return;
    }
    if (tf_block_shared(*block) == 0) {
        memset(*block, what, 4000);
    }
    tf_block_free(*block);
    *block = NULL;
}
