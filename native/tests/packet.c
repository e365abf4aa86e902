/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

packet *packet_new(const uint8_t *data, uint32_t length, const tf_offload *offload)
{
    packet *one = calloc(1, sizeof *one);
    CHECK(one != NULL);
    /* Exactly as long as the packet, so that a sanitizer sees every over-read. */
    one->data = malloc(length != 0 ? length : 1);
    CHECK(one->data != NULL);
    if (length != 0) {
        memcpy(one->data, data, length);
    }
    one->length = length;
    if (offload != NULL) {
        one->offload = *offload;
    }
    return one;
}

void packet_free(packet *one)
{
    if (one != NULL) {
        free(one->data);
        free(one);
    }
}

void packet_push(packet_queue *queue, packet *one)
{
    one->next = NULL;
    if (queue->last != NULL) {
        queue->last->next = one;
    } else {
        queue->first = one;
    }
    queue->last = one;
    queue->count++;
}

packet *packet_pop(packet_queue *queue)
{
    packet *one = queue->first;
    if (one != NULL) {
        queue->first = one->next;
        queue->last = queue->first != NULL ? queue->last : NULL;
        queue->count--;
        one->next = NULL;
    }
    return one;
}

void packet_insert_by_time(packet_queue *queue, packet *one)
{
    if (queue->last == NULL || queue->last->due <= one->due) {
        packet_push(queue, one);
        return;
    }
    packet **place = &queue->first;
    while ((*place)->due <= one->due) {
        place = &(*place)->next;
    }
    one->next = *place;
    *place = one;
    queue->count++;
}

void packet_clear(packet_queue *queue)
{
    for (packet *one = packet_pop(queue); one != NULL; one = packet_pop(queue)) {
        packet_free(one);
    }
}

static packet *packet_clone(const packet *one)
{
    return packet_new(one->data, one->length, &one->offload);
}

void sim_impair(sim *s, const impairment *how, packet_queue *queue, packet *one)
{
    if (prng_below(&s->random, 1000000) < how->loss) {
        packet_free(one);
        return;
    }
    if (prng_below(&s->random, 1000000) < how->duplicate) {
        packet *twin = packet_clone(one);
        twin->due = s->now + how->delay + prng_below(&s->random, 1 + (uint32_t)how->reorder_delay);
        packet_insert_by_time(queue, twin);
    }
    one->due = s->now + how->delay;
    if (prng_below(&s->random, 1000000) < how->reorder) {
        one->due += prng_below(&s->random, 1 + (uint32_t)how->reorder_delay);
    }
    packet_insert_by_time(queue, one);
}

static void print_endpoint(const tf_endpoint *endpoint)
{
    if (endpoint->family == 4) {
        printf("%u.%u.%u.%u:%u", endpoint->address[0], endpoint->address[1], endpoint->address[2],
               endpoint->address[3], endpoint->port);
    } else {
        printf("[..%x]:%u", wire_read32(endpoint->address + 12), endpoint->port);
    }
}

void sim_print(sim *s, const char *direction, const packet *one)
{
    if (!test_verbose()) {
        return;
    }
    wire w;
    const char *error = one->offload.checksum == TF_CHECKSUM_PARTIAL
                            ? wire_parse_partial(one->data, one->length, &w)
                            : wire_parse(one->data, one->length, &w);
    printf("%10.3f %s ", (double)(s->now % (100000 * SECONDS)) / 1e3, direction);
    print_endpoint(&w.src);
    printf(" > ");
    print_endpoint(&w.dst);
    if (w.protocol == WIRE_TCP && !w.fragment) {
        printf(" %s%s%s%s%s seq %" PRIu32 " ack %" PRIu32 " win %u len %" PRIu32,
               w.flags & WIRE_SYN ? "S" : "", w.flags & WIRE_FIN ? "F" : "",
               w.flags & WIRE_RST ? "R" : "", w.flags & WIRE_PSH ? "P" : "",
               w.flags & WIRE_ACK ? "." : "", w.seq, w.ack, w.window, w.payload_length);
    } else {
        printf(" proto %u len %" PRIu32, w.protocol, w.payload_length);
    }
    if (one->offload.gso_type != TF_GSO_NONE) {
        printf(" gso %u", one->offload.gso_size);
    }
    printf("%s%s\n", error != NULL ? " BAD: " : "", error != NULL ? error : "");
}
