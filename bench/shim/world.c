#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counter.h"

enum { FIRST_PORT = 1024, MOST_ENTRIES = 256, LINGER = 1000000, BUFFER = 66 * 1024, SLOT_MASK = 0xFFFFFF, FIRST_DATAGRAM = 64 };

_Noreturn void world_fail(const char *what, uint64_t value)
{
    fprintf(stderr, "shim-bench: %s: %" PRIu64 "\n", what, value);
    exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        world_fail("out of memory, bytes", count * size);
    }
    return memory;
}

world *world_new(void)
{
    tf_config config;
    tf_config_default(&config);
    config.max_sessions = 65536;
    config.max_bytes = 2048ull << 20;
    memset(config.secret, 7, sizeof config.secret);

    world *w = allocate(1, sizeof *w);
    w->now = 1000000;
    w->peers = allocate(WORLD_MOST_PEERS, sizeof *w->peers);
    w->order = allocate(WORLD_MOST_PEERS, sizeof *w->order);
    w->by_flow = allocate(config.max_flows, sizeof *w->by_flow);
    w->by_session = allocate(config.max_sessions, sizeof *w->by_session);
    int32_t result = tf_stack_create(&config, w->now, &w->stack);
    if (result != TF_OK) {
        world_fail("tf_stack_create", (uint64_t)-result);
    }
    for (uint32_t i = 0; i < WORLD_MOST_PEERS; i++) {
        /* One host with many sockets, and as many servers. */
        w->peers[i].way = (path){.source = 0x0A090002, .destination = 0xC6120001 + i * 7919 % 65521,
                                 .source_port = (uint16_t)(FIRST_PORT + i), .destination_port = 443};
    }
    for (uint32_t i = 0; i < WORLD_BATCH; i++) {
        w->blocks[i] = tf_block_alloc(w->stack, BUFFER);
    }
    return w;
}

void world_free(world *w)
{
    tf_stats stats;
    tf_stack_get_stats(w->stack, &stats);
    for (uint32_t i = 0; i < TF_DROP_REASONS; i++) {
        if (stats.drops[i] != 0) {
            fprintf(stderr, "shim-bench: drop reason %" PRIu32 "\n", i);
            world_fail("dropped packets", stats.drops[i]);
        }
    }
    if (stats.retransmissions != 0) {
        world_fail("retransmissions", stats.retransmissions);
    }
    if (stats.asserts != 0) {
        world_fail("failed assertions", stats.asserts);
    }
    for (uint32_t i = 0; i < WORLD_BATCH; i++) {
        tf_block_free(w->blocks[i]);
    }
    tf_stack_destroy(w->stack);
    free(w->peers);
    free(w->order);
    free(w->by_flow);
    free(w->by_session);
    free(w);
}

uint8_t *world_buffer(world *w)
{
    if (w->packet_count == WORLD_BATCH) {
        world_fail("packets in a batch", WORLD_BATCH + 1);
    }
    uint8_t **block = &w->blocks[w->packet_count];
    if (tf_block_shared(*block) != 0) {
        tf_block_free(*block);
        *block = tf_block_alloc(w->stack, BUFFER);
    }
    return *block;
}

void world_add(world *w, uint32_t length, const tf_offload *offload)
{
    uint8_t *block = w->blocks[w->packet_count];
    w->packets[w->packet_count++] = (tf_packet){.data = block, .block = block, .length = length,
                                                .offload = offload != NULL ? *offload : (tf_offload){0}};
}

void world_add_segment(world *w, peer *p, uint8_t flags, uint32_t length)
{
    uint8_t *buffer = world_buffer(w);
    segment what = {.sequence = p->next, .acknowledgment = p->expected, .flags = flags, .window = 0xFFFF, .length = length};
    uint32_t bytes = packet_tcp(buffer, &p->way, &what);
    p->next += length + ((flags & (SYN | FIN)) != 0);
    world_add(w, bytes, NULL);
}

static void flow_event(world *w, const tf_event *event)
{
    uint64_t id = event->id;
    if ((event->flags & TF_EVENT_CONNECT) != 0) {
        tf_flow_details details;
        tf_flow_get_details(w->stack, id, &details);
        uint32_t index = details.source.port - (uint32_t)FIRST_PORT;
        w->by_flow[id & SLOT_MASK] = index;
        w->peers[index].id = id;
        tf_flow_accept(w->stack, w->now, id);
    }
    if ((event->flags & TF_EVENT_READABLE) != 0) {
        tf_slice slices[TF_MAX_SLICES];
        uint32_t count, end;
        int32_t bytes;
        while ((bytes = tf_flow_receive(w->stack, id, slices, TF_MAX_SLICES, &count, &end)) > 0) {
            tf_flow_consume(w->stack, w->now, id, (uint32_t)bytes);
            w->consumed += (uint32_t)bytes;
        }
        if (end != 0) {
            tf_flow_close(w->stack, w->now, id, LINGER);
            w->closed++;
        }
    }
    if ((event->flags & TF_EVENT_CLOSED) != 0 && event->status != TF_OK) {
        world_fail("a flow ended by itself, status", (uint64_t)-event->status);
    }
}

static void session_event(world *w, const tf_event *event)
{
    if ((event->flags & TF_EVENT_SESSION) != 0) {
        tf_endpoint source;
        tf_session_get_source(w->stack, event->id, &source);
        uint32_t index = source.port - (uint32_t)FIRST_PORT;
        w->by_session[event->id & SLOT_MASK] = index;
        w->peers[index].id = event->id;
    }
    if ((event->flags & TF_EVENT_READABLE) != 0) {
        tf_datagram *datagrams[WORLD_BATCH];
        int32_t count = tf_session_receive(w->stack, event->id, datagrams, WORLD_BATCH);
        for (int32_t i = 0; i < count; i++) {
            w->consumed += datagrams[i]->length;
            tf_datagram_free(datagrams[i]);
        }
    }
    if ((event->flags & TF_EVENT_CLOSED) != 0) {
        world_fail("a session ended by itself, status", (uint64_t)-event->status);
    }
}

static void look(world *w)
{
    tf_event events[WORLD_BATCH];
    int32_t count;
    do {
        count = tf_events(w->stack, events, WORLD_BATCH);
        for (int32_t i = 0; i < count; i++) {
            if ((events[i].id & 1ull << 56) != 0) {
                session_event(w, &events[i]);
            } else {
                flow_event(w, &events[i]);
            }
        }
    } while (count == WORLD_BATCH);
}

/* What an application's kernel does with a packet: what one batch brought is acknowledged at once, as with GRO. */
static void receive(world *w, const tf_output *entry)
{
    const uint8_t *ip = entry->slices[0].data;
    const uint8_t *transport = ip + 20;
    peer *p = &w->peers[packet_get16(transport + 2) - FIRST_PORT];
    if (ip[9] == 17) {
        w->received += entry->length - UDP_HEADERS;
        return;
    }
    uint32_t payload = entry->length - 20 - (uint32_t)(transport[12] >> 4) * 4;
    uint8_t flags = transport[13];
    if ((flags & RST) != 0) {
        world_fail("RST for the peer with port", p->way.source_port);
    }
    uint32_t sequence = packet_get32(transport + 4);
    if ((flags & SYN) != 0) {
        p->expected = sequence;
    }
    if (sequence != p->expected) {
        world_fail("a sequence number in place of the one expected", sequence);
    }
    p->expected += payload + ((flags & (SYN | FIN)) != 0);
    w->received += payload;
    if ((payload != 0 || (flags & (SYN | FIN)) != 0) && !p->acknowledge) {
        p->acknowledge = true;
        w->acks_due[w->acks_due_count++] = (uint32_t)(p - w->peers);
    }
}

void world_flush(world *w)
{
    tf_output *entries[MOST_ENTRIES];
    int32_t count;
    do {
        count = tf_output_take(w->stack, w->now, entries, MOST_ENTRIES);
        counter_stop();
        for (int32_t i = 0; i < count; i++) {
            receive(w, entries[i]);
        }
        counter_start();
        tf_output_free(entries, (uint32_t)count);
    } while (count == MOST_ENTRIES);
    counter_stop();
}

void world_run(world *w)
{
    /* A million packets a second. */
    w->now += w->packet_count;
    counter_start();
    if (tf_stack_deadline(w->stack) <= w->now) {
        tf_stack_tick(w->stack, w->now);
    }
    tf_input(w->stack, w->now, w->packets, w->packet_count);
    look(w);
    world_flush(w);
    w->packet_count = 0;
}

void world_acknowledge(world *w)
{
    while (w->acks_due_count != 0) {
        uint32_t first = w->acks_due_count > WORLD_BATCH ? w->acks_due_count - WORLD_BATCH : 0;
        while (w->acks_due_count > first) {
            peer *p = &w->peers[w->acks_due[--w->acks_due_count]];
            p->acknowledge = false;
            world_add_segment(w, p, ACK, 0);
        }
        world_run(w);
    }
}

void world_open_flows(world *w, uint32_t first, uint32_t count)
{
    for (uint32_t at = first; at < first + count;) {
        for (uint32_t i = 0; i < WORLD_BATCH && at < first + count; i++, at++) {
            peer *p = &w->peers[at];
            p->next = at * 65537 + (uint32_t)w->now;
            p->expected = 0;
            world_add_segment(w, p, SYN, 0);
        }
        world_run(w);
        world_acknowledge(w);
    }
}

void world_open_sessions(world *w, uint32_t first, uint32_t count)
{
    for (uint32_t at = first; at < first + count;) {
        for (uint32_t i = 0; i < WORLD_BATCH && at < first + count; i++, at++) {
            world_add(w, packet_udp(world_buffer(w), &w->peers[at].way, FIRST_DATAGRAM), NULL);
            w->sent += FIRST_DATAGRAM;
        }
        world_run(w);
    }
}

void world_shuffle(world *w, uint32_t count)
{
    uint64_t random = 1;
    w->order_count = count;
    for (uint32_t i = 0; i < count; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint32_t other = (uint32_t)((random >> 33) % (i + 1));
        w->order[i] = w->order[other];
        w->order[other] = i;
    }
}

peer *world_next(world *w)
{
    w->turn = w->turn + 1 < w->order_count ? w->turn + 1 : 0;
    return &w->peers[w->order[w->turn]];
}
