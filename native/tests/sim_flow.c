/* SPDX-License-Identifier: Apache-2.0
 *
 * The application side of the fixture's flows.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

enum { write_chunk = 65536, echo_chunk = 32768 };

void flow_free(flow *f)
{
    free(f->echo);
    free(f);
}

flow *sim_find_flow(sim *s, uint64_t id)
{
    for (flow *f = s->flows; f != NULL; f = f->next) {
        if (f->id == id) {
            return f;
        }
    }
    return NULL;
}

flow *sim_flow(sim *s)
{
    flow *newest = s->flows;
    CHECK(newest != NULL);
    for (flow *f = s->flows; f != NULL; f = f->next) {
        if (!f->released) {
            return f;
        }
    }
    return newest;
}

void sim_release_flow(sim *s, flow *f, uint64_t linger)
{
    CHECK(!f->released);
    f->released = true;
    CHECK_EQ(TF_OK, tf_flow_close(s->stack, s->now, f->id, linger));
}

static int32_t write_bytes(sim *s, flow *f, const uint8_t *data, uint32_t length)
{
    if (!f->blocks) {
        return tf_flow_write(s->stack, s->now, f->id, data, length);
    }
    uint8_t *block = tf_block_alloc(s->stack, length);
    if (block == NULL && s->tolerant) {
        return tf_flow_write(s->stack, s->now, f->id, data, length);
    }
    CHECK(block != NULL);
    memcpy(block, data, length);
    int32_t taken = tf_flow_write_block(s->stack, s->now, f->id, block, block, length);
    tf_block_free(block);
    return taken;
}

static void drive_writes(sim *s, flow *f)
{
    while (f->written < f->to_write) {
        int32_t room = tf_flow_writable(s->stack, f->id);
        if (room <= 0) {
            return;
        }
        uint64_t rest = f->to_write - f->written;
        uint32_t length = rest < write_chunk ? (uint32_t)rest : write_chunk;
        uint8_t *data = malloc(length);
        CHECK(data != NULL);
        pattern_fill(f->seed_out, f->written, data, length);
        int32_t taken = write_bytes(s, f, data, length);
        free(data);
        if (taken < 0) {
            return;
        }
        CHECK(taken > 0 || s->tolerant);
        if (taken == 0) {
            return;
        }
        f->written += (uint32_t)taken;
    }
}

static bool drive_echo_writes(sim *s, flow *f)
{
    if (f->echo_length == 0) {
        return true;
    }
    int32_t taken = write_bytes(s, f, f->echo, f->echo_length);
    if (taken <= 0) {
        return false;
    }
    f->echo_length -= (uint32_t)taken;
    memmove(f->echo, f->echo + taken, f->echo_length);
    return f->echo_length == 0;
}

/* Takes one helping of received bytes. False when there is none. */
static bool drive_read(sim *s, flow *f)
{
    tf_slice slices[TF_MAX_SLICES];
    uint32_t count = 0;
    uint32_t end = 0;
    int32_t shown =
        tf_flow_receive(s->stack, f->id, slices, TF_MAX_SLICES, &count, &end);
    if (shown < 0) {
        f->receive_error = shown;
        return false;
    }
    if (shown == 0) {
        CHECK_EQ(0, count);
        f->ended = end != 0;
        return false;
    }
    CHECK(count >= 1 && count <= TF_MAX_SLICES);
    CHECK_EQ(0, end);
    int32_t total = 0;
    uint32_t consumed = 0;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(slices[i].length > 0);
        total += (int32_t)slices[i].length;
        uint32_t length = (uint32_t)slices[i].length;
        if (f->echoes) {
            uint32_t room = echo_chunk - f->echo_length;
            length = length < room ? length : room;
            memcpy(f->echo + f->echo_length, slices[i].data, length);
            f->echo_length += length;
        }
        CHECK_EQ(length, pattern_check(f->seed_in, f->received, slices[i].data, length));
        f->received += length;
        consumed += length;
        if (length < slices[i].length) {
            total = shown;
            break;
        }
    }
    CHECK_EQ(shown, total);
    CHECK_EQ(TF_OK, tf_flow_consume(s->stack, s->now, f->id, consumed));
    return true;
}

void flow_drive(sim *s, flow *f)
{
    if (f->released || (f->seen & TF_EVENT_OPEN) == 0) {
        if (f->auto_close && !f->released && (f->seen & TF_EVENT_CLOSED) != 0) {
            sim_release_flow(s, f, 0);
        }
        return;
    }
    if (f->echoes && f->echo == NULL) {
        f->echo = malloc(echo_chunk);
        CHECK(f->echo != NULL);
    }
    drive_writes(s, f);
    while (f->reads && !f->ended && f->receive_error == 0) {
        if (f->echoes && !drive_echo_writes(s, f)) {
            break;
        }
        if (!drive_read(s, f)) {
            break;
        }
    }
    if (f->echoes) {
        drive_echo_writes(s, f);
    }
    bool all_written = f->written == f->to_write && f->echo_length == 0;
    if (f->shuts && !f->shut && f->ended && all_written) {
        f->shut = true;
        int32_t result = tf_flow_shutdown(s->stack, s->now, f->id);
        CHECK(result == TF_OK || (f->seen & TF_EVENT_CLOSED) != 0);
    }
    if (f->auto_close && (f->shut || (f->seen & TF_EVENT_CLOSED) != 0)) {
        sim_release_flow(s, f, 60 * SECONDS);
    }
}

static void session_event(sim *s, const tf_event *event)
{
    session *one = sim_find_session(s, event->id);
    if (one == NULL) {
        CHECK((event->flags & TF_EVENT_SESSION) != 0);
        one = calloc(1, sizeof *one);
        CHECK(one != NULL);
        one->id = event->id;
        one->next = s->sessions;
        s->sessions = one;
    }
    one->seen |= event->flags;
    if ((event->flags & TF_EVENT_CLOSED) != 0) {
        one->status = event->status;
    }
}

void flow_event(sim *s, const tf_event *event)
{
    if (event->id == 0) {
        CHECK_EQ(TF_EVENT_ECHO, event->flags);
        CHECK((s->config.flags & TF_STACK_ECHO_QUEUE) != 0);
        s->echo_events++;
        return;
    }
    CHECK(event->flags != 0);
    CHECK_EQ(s->stack, event->id >> 57);
    if ((event->id >> 56 & 1) != 0) {
        session_event(s, event);
        return;
    }
    flow *f = sim_find_flow(s, event->id);
    if (f == NULL) {
        CHECK((event->flags & TF_EVENT_CONNECT) != 0);
        f = calloc(1, sizeof *f);
        CHECK(f != NULL);
        *f = s->template_;
        f->id = event->id;
        f->next = s->flows;
        s->flows = f;
        s->flow_count++;
    }
    CHECK(!f->released);
    CHECK((f->seen & TF_EVENT_CLOSED) == 0);
    f->seen |= event->flags;
    f->readable_events += (event->flags & TF_EVENT_READABLE) != 0;
    if ((event->flags & TF_EVENT_CLOSED) != 0) {
        f->status = event->status;
    }
    if ((event->flags & TF_EVENT_CONNECT) != 0) {
        f->connects++;
        if ((event->flags & TF_EVENT_CLOSED) == 0) {
            CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &f->details));
            if (s->accepts) {
                int32_t result = tf_flow_accept(s->stack, s->now, f->id);
                CHECK(result == TF_OK || s->tolerant);
                if (result != TF_OK) {
                    CHECK_EQ(TF_OK, tf_flow_refuse(s->stack, s->now, f->id, TF_REFUSE_RESET));
                    f->released = true;
                }
            }
        }
    }
    flow_drive(s, f);
}

session *sim_find_session(sim *s, uint64_t id)
{
    for (session *one = s->sessions; one != NULL; one = one->next) {
        if (one->id == id) {
            return one;
        }
    }
    return NULL;
}

session *sim_session(sim *s)
{
    CHECK(s->sessions != NULL);
    return s->sessions;
}
