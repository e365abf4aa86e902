/* SPDX-License-Identifier: Apache-2.0 */
#include "writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

enum { capacity = 8192, no_options = 0 };

/* Kinds of sequence offsets, see offset_of(). */
enum { same = 0, offset16 = 0xC0 };

static uint8_t bytes[capacity];
static uint32_t length;

void put(uint32_t value)
{
    if (length < capacity) {
        bytes[length++] = (uint8_t)value;
    }
}

void put16(uint32_t value)
{
    put(value >> 8);
    put(value);
}

void begin(uint32_t configuration, uint32_t sizes)
{
    begin_more(configuration, sizes, 0);
}

void begin_more(uint32_t configuration, uint32_t sizes, uint32_t more)
{
    length = 0;
    put(configuration);
    put(sizes);
    put(more);
}

void save(const char *directory, const char *name, uint32_t number)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s-%02u", directory, name, number);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
}

void output(void)
{
    put(OPERATION_OUTPUT);
}

void syn(uint32_t tuple, uint32_t window)
{
    syn_with(tuple, window, option_mss | option_scale, 1460);
}

void syn_with(uint32_t tuple, uint32_t window, uint32_t options, uint32_t mss)
{
    put(OPERATION_SYN);
    put(tuple);
    put(0);
    put16(window);
    put(options);
    if ((options & option_mss) != 0) {
        put16(mss);
    }
    if ((options & option_scale) != 0) {
        put(2);
    }
    put(unbent);
}

void segment_at(uint32_t tuple, uint32_t how, uint32_t flags, uint32_t offset, uint32_t window, uint32_t size)
{
    put(OPERATION_SEGMENT);
    put(tuple);
    put(how);
    put(flags);
    if (offset == 0) {
        put(same);
    } else {
        put(offset16);
        put16(offset);
    }
    put(same);
    put16(window);
    put(size);
    if ((how & with_options) != 0) {
        put(no_options);
    }
    if ((how & super_packet) == 0) {
        put(unbent);
    }
}

void segment(uint32_t tuple, uint32_t flags, uint32_t window, uint32_t size)
{
    segment_at(tuple, 0, flags, 0, window, size);
}

void burst(uint32_t tuple, uint32_t segments, uint32_t stride, uint32_t size)
{
    put(OPERATION_BURST);
    put(tuple);
    put(segments);
    put16(stride);
    put(size);
}

void flow(uint32_t index, uint32_t what)
{
    put(OPERATION_FLOW);
    put(index);
    put(what);
}

void tick(uint32_t jump)
{
    put(OPERATION_STACK);
    put(4);
    put(jump);
}

void run_timers(uint32_t times)
{
    tick(0x80 | times);
}

void react(uint32_t event, uint32_t what, uint32_t first, uint32_t second)
{
    put(OPERATION_REACT);
    put(event);
    put(what);
    put(first);
    put(second);
}

void fragment(uint32_t tuple, uint32_t how, uint32_t size, uint32_t id, uint32_t index, uint32_t mtu)
{
    put(OPERATION_FRAGMENT);
    put(tuple);
    put(how);
    put(size);
    put(id);
    put(index);
    put(mtu);
}

void fragment_of(uint32_t tuple, uint32_t how, uint32_t count, uint32_t id, uint32_t index, uint32_t mtu)
{
    put(OPERATION_FRAGMENT);
    put(tuple);
    put(how);
    put(0xC0);
    put16(count);
    put(id);
    put(index);
    put(mtu);
}

void write_size(uint32_t index, uint32_t size, uint32_t more)
{
    flow(index, write_it + more);
    put(size);
}

void open_flow(uint32_t tuple, uint32_t index)
{
    syn(tuple, 60000);
    flow(index, accept_it);
    output();
    segment(tuple, 0, 60000, size_0);
}

void close_flow(uint32_t index)
{
    flow(index, close_it);
    put(40);
}
