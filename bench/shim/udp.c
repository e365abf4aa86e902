#include "scenarios.h"

#include <stddef.h>

#include "counter.h"

/* Remote hosts in rotation, as a session of a QUIC or torrent program has them. */
enum { REMOTES = 64, WARM_UP_VISITS = 2 };

world *sessions_open(const scenario *what, uint32_t sessions)
{
    world *w = world_new();
    world_open_sessions(w, 0, sessions);
    world_shuffle(w, sessions);
    what->run(w, what, sessions * WARM_UP_VISITS);
    return w;
}

uint32_t sessions_receive(world *w, const scenario *what, uint32_t packets)
{
    uint32_t sent = 0;
    while (sent < packets) {
        for (uint32_t i = 0; i < WORLD_BATCH; i++, sent++) {
            path way = world_next(w)->way;
            way.destination = 0xC6130001 + sent % REMOTES;
            world_add(w, packet_udp(world_buffer(w), &way, what->payload), NULL);
        }
        world_run(w);
    }
    w->sent += (uint64_t)sent * what->payload;
    return sent;
}

uint32_t sessions_send(world *w, const scenario *what, uint32_t packets)
{
    static const uint8_t data[1472];
    uint32_t sent = 0;
    while (sent < packets) {
        uint64_t ids[WORLD_BATCH];
        for (uint32_t i = 0; i < WORLD_BATCH; i++) {
            ids[i] = world_next(w)->id;
        }
        w->now += WORLD_BATCH;
        counter_start();
        for (uint32_t i = 0; i < WORLD_BATCH; i++, sent++) {
            tf_endpoint source = {.address = {198, 19, 0, (uint8_t)(1 + sent % REMOTES)}, .port = 443, .family = 4};
            int32_t result = tf_session_send(w->stack, w->now, ids[i], &source, data, what->payload);
            if (result != TF_OK) {
                world_fail("tf_session_send", (uint64_t)-result);
            }
        }
        world_flush(w);
    }
    w->sent += (uint64_t)sent * what->payload;
    return sent;
}

void scenario_close(world *w)
{
    if (w->consumed + w->received != w->sent) {
        world_fail("bytes that did not arrive", w->sent - w->consumed - w->received);
    }
    world_free(w);
}
