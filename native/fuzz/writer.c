/* SPDX-License-Identifier: Apache-2.0 */
#include "writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

enum { capacity = 4096, no_options = 0 };

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
    length = 0;
    put(configuration);
    put(sizes);
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
    put(OPERATION_SYN);
    put(tuple);
    put(0);
    put16(window);
    put(3); /* MSS and window scale */
    put16(1460);
    put(2);
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
