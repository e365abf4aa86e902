/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "tf_common.h"
#include "tf_test_hooks.h"

void finding(const char *what)
{
    fprintf(stderr, "FINDING: %s\n", what);
    abort();
}

uint8_t next8(program *p)
{
    return p->position < p->length ? p->bytes[p->position++] : 0;
}

uint16_t next16(program *p)
{
    uint16_t high = next8(p);
    return (uint16_t)(high << 8 | next8(p));
}

uint32_t next32(program *p)
{
    uint32_t high = next16(p);
    return high << 16 | next16(p);
}

uint32_t next_size(program *p)
{
    static const uint32_t common[] = {0,    1,    2,    7,    8,    100,  535,  536,
                                      1000, 1440, 1459, 1460, 1461, 2920, 4096, 9000};
    uint8_t kind = next8(p);
    if (kind < 0x80) {
        return common[kind & 15];
    }
    return kind < 0xC0 ? next8(p) : next16(p);
}

static void configure(world *w, program *p)
{
    static const uint32_t mtus[] = {1500, 1280, 576, 9000, 65535, 1500, 1500, 1500};
    uint8_t bits = next8(p);
    uint8_t sizes = next8(p);
    uint8_t more = next8(p); /* bits 1 to 7 are free */
    tf_config *config = &w->config;
    tf_config_default(config);
    config->flags = (bits & 1 ? TF_STACK_ECHO_REPLY : 0) | (bits & 2 ? TF_STACK_COALESCE : 0) |
                    (bits & 4 ? TF_STACK_TRUST_CHECKSUMS : 0) |
                    (sizes & 128 ? TF_STACK_ECHO_QUEUE | TF_STACK_MULTICAST : 0);
    w->goes_on_after_asserts = (bits & 8) != 0;
    w->has_companion = (bits & 16) != 0 && tf_stack_limit() > 1;
    config->keepalive_interval = bits & 32 ? 10 * 1000000ull : 0;
    config->idle_timeout = bits & 64 ? 100 * 1000000ull : 0;
    config->mtu = mtus[sizes & 7];
    config->receive_window = sizes & 8 ? 16384 : 262144;
    config->send_buffer = sizes & 16 ? 16384 : 262144;
    config->flow_bytes = 2 * config->receive_window;
    config->output_bytes = sizes & 32 ? 65536 : 1 << 20;
    config->max_bytes = sizes & 64 ? 4 << 20 : 64 << 20;
    /* Few slots: limits are reached, and creating a stack costs little. */
    config->max_flows = 12;
    config->max_pending = 6;
    config->max_pending_source = 4;
    config->max_half_open = 4;
    config->max_sessions = 4;
    config->session_datagrams = 4;
    config->reassembly_bytes = more & 1 ? 1 << 20 : 32768;
    config->icmp_per_second = 20;
    config->max_echoes = ECHOES;
    memset(config->secret, 0x5A, sizeof config->secret);
}

bool world_open(world *w, program *p)
{
    memset(w, 0, sizeof *w);
    configure(w, p);
    w->now = 1000 * 1000000ull;
    w->mtu = w->config.mtu;
    for (uint32_t i = 0; i < TUPLES; i++) {
        tuple *one = &w->tuples[i];
        uint16_t port = (uint16_t)(1000 + i / 2);
        one->self = i % 2 == 0 ? wire_endpoint4(10, 0, 0, 2, port) : wire_endpoint6(2, port);
        one->remote = i % 2 == 0 ? wire_endpoint4(192, 0, 2, 1, 80) : wire_endpoint6(1, 80);
        one->next = 0xFFFFF000u + 0x10000u * i;
        one->mss = 1460;
    }
    if (w->has_companion && tf_stack_create(&w->config, w->now, &w->companion) != TF_OK) {
        finding("the first stack cannot be created");
    }
    if (tf_stack_create(&w->config, w->now, &w->stack) != TF_OK) {
        finding("the stack cannot be created");
    }
    count->programs++;
    count->last_instance += w->stack + 1 == tf_stack_limit();
    return true;
}

static void note_flow(world *w, uint64_t id)
{
    uint32_t place = (uint32_t)(id & 0xFFFFFF) % FLOWS;
    w->flows[place] = id;
}

void world_observe(world *w)
{
    /* Reactions bring events of their own; the last ones stay for the next operation. */
    enum { most = 8 };
    tf_event events[16];
    int32_t taken = 1;
    for (int round = 0; round < most && taken != 0; round++) {
        taken = tf_events(w->stack, events, 16);
        if (taken < 0 || taken > 16) {
            finding("tf_events");
        }
        for (int32_t i = 0; i < taken; i++) {
            if (events[i].id == 0 && events[i].flags == TF_EVENT_ECHO && (w->config.flags & TF_STACK_ECHO_QUEUE) != 0) {
                continue;
            }
            if (events[i].id >> 57 != w->stack || events[i].flags == 0) {
                finding("an event of nobody");
            }
            if ((events[i].id >> 56 & 1) != 0) {
                w->sessions[(events[i].id & 0xFFFFFF) % SESSIONS] = events[i].id;
            } else {
                note_flow(w, events[i].id);
            }
            world_react(w, &events[i]);
        }
    }

    tf_stats stats;
    if (tf_stack_get_stats(w->stack, &stats) != TF_OK) {
        finding("tf_stack_get_stats");
    }
    if (stats.asserts != w->asserts) {
        count->asserts += stats.asserts - w->asserts;
        w->asserts = stats.asserts;
    }
    if (stats.asserts != 0 && !w->goes_on_after_asserts) {
        finding("an assertion of lwIP failed");
    }
    if (stats.native_bytes > w->config.max_bytes || stats.flows > w->config.max_flows ||
        stats.flows_pending > w->config.max_pending || stats.flows_half_open > w->config.max_half_open ||
        stats.output_entries != tf_output_pending(w->stack)) {
        finding("a limit was passed");
    }
}

/* Everything is given back, in an order that the program does not choose; then not a byte may be left. */
void world_close(world *w)
{
    tf_test_fail_allocation(w->stack, 0, 0);
    for (uint32_t i = 0; i < w->batch_count; i++) {
        if (w->batch[i].block == NULL) {
            free(w->batch[i].data);
        }
        tf_block_free(w->batch[i].block);
    }
    outputs_take(w, OUTPUTS, false);
    if (tf_stack_destroy(w->stack) != TF_OK) {
        finding("tf_stack_destroy");
    }
    outputs_free(w);
    for (uint32_t i = 0; i < DATAGRAMS; i++) {
        tf_datagram_free(w->datagrams[i]);
    }
    for (uint32_t i = 0; i < ECHOES; i++) {
        tf_datagram_free(w->echoes[i]);
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (w->blocks[i] != NULL && tf_block_shared(w->blocks[i]) != 0) {
            finding("a block is shared with nobody");
        }
        tf_block_free(w->blocks[i]);
    }
    if (atomic_load(&tf_common_budgets[w->stack].used) != 0) {
        finding("memory is left");
    }
    if (w->has_companion && tf_stack_destroy(w->companion) != TF_OK) {
        finding("tf_stack_destroy of the first stack");
    }
    if (w->asserts != 0) {
        finding("an assertion of lwIP failed, but nothing worse came of it");
    }
}
