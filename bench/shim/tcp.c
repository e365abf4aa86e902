#include "scenarios.h"

#include "counter.h"

/* After so many segments a flow acknowledges every second one only, which is what goes on for long. Downwards nothing changes after a few. */
enum { WARM_UP_UP = 18, WARM_UP_DOWN = 3, MOST_SUPERS = 4 };

/* Ordinary packets of a write or super-packet. */
static uint32_t ordinary(const scenario *what)
{
    return (what->payload + SEGMENT_BYTES - 1) / SEGMENT_BYTES;
}

world *flows_open(const scenario *what, uint32_t flows)
{
    world *w = world_new();
    world_open_flows(w, 0, flows);
    world_shuffle(w, flows);
    if (what->payload != 0) {
        uint32_t visits = what->run == flows_upload ? WARM_UP_UP : WARM_UP_DOWN;
        what->run(w, what, flows * visits * what->per_visit * ordinary(what));
    }
    return w;
}

static void add_super(world *w, const scenario *what, peer *p)
{
    tf_offload offload;
    segment piece = {.sequence = p->next, .acknowledgment = p->expected, .flags = ACK | PSH, .window = 0xFFFF,
                     .length = what->payload};
    uint32_t length = packet_super(world_buffer(w), &p->way, &piece, &offload);
    p->next += what->payload;
    world_add(w, length, &offload);
}

uint32_t flows_upload(world *w, const scenario *what, uint32_t packets)
{
    uint32_t most = what->super ? MOST_SUPERS : WORLD_BATCH;
    uint32_t sent = 0;
    while (sent < packets) {
        while (w->packet_count + what->per_visit <= most) {
            peer *p = world_next(w);
            for (uint32_t i = 0; i < what->per_visit; i++) {
                if (what->super) {
                    add_super(w, what, p);
                } else {
                    world_add_segment(w, p, ACK | PSH, what->payload);
                }
                w->sent += what->payload;
                sent += ordinary(what);
            }
        }
        world_run(w);
    }
    return sent;
}

uint32_t flows_download(world *w, const scenario *what, uint32_t packets)
{
    static const uint8_t data[65536];
    uint32_t turns = what->super ? 1 : WORLD_BATCH;
    uint32_t sent = 0;
    while (sent < packets) {
        uint64_t ids[WORLD_BATCH];
        for (uint32_t i = 0; i < turns; i++) {
            ids[i] = world_next(w)->id;
        }
        w->now += turns;
        counter_start();
        for (uint32_t i = 0; i < turns; i++) {
            int32_t written = tf_flow_write(w->stack, w->now, ids[i], data, what->payload);
            if (written != (int32_t)what->payload) {
                world_fail("bytes written", (uint64_t)(uint32_t)written);
            }
        }
        world_flush(w);
        world_acknowledge(w);
        w->sent += (uint64_t)turns * what->payload;
        sent += turns * ordinary(what);
    }
    return sent;
}

uint32_t flows_connect(world *w, const scenario *what, uint32_t connections)
{
    (void)what;
    uint32_t first = w->order_count;
    uint64_t before = w->closed;
    uint32_t done;
    for (done = 0; done < connections; done += WORLD_BATCH) {
        world_open_flows(w, first, WORLD_BATCH);
        for (uint32_t i = first; i < first + WORLD_BATCH; i++) {
            world_add_segment(w, &w->peers[i], ACK | FIN, 0);
        }
        world_run(w);
        world_acknowledge(w);
    }
    tf_stats stats;
    tf_stack_get_stats(w->stack, &stats);
    if (w->closed - before != done || stats.flows != w->order_count) {
        world_fail("connections that closed", w->closed - before);
    }
    return done;
}
