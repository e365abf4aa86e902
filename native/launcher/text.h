/* Files of a few lines, read and rewritten whole. */
#ifndef TUNFLOW_LAUNCH_TEXT_H
#define TUNFLOW_LAUNCH_TEXT_H

#include <stddef.h>

/* Larger resolver files are cut at a line's end; real ones have a few hundred bytes. */
#define TEXT_CAPACITY 16384

struct text {
    size_t length;
    char bytes[TEXT_CAPACITY];
};

/* -1 with errno if the file cannot be read. */
int text_read(const char *path, struct text *text);
int text_write(const char *path, const struct text *text);

/* Appends whole pieces; one that does not fit is left out. */
void text_append(struct text *text, const char *piece, size_t length);

/* The next line of `text` without its newline, or NULL. Start with *offset 0. */
const char *text_next_line(const struct text *text, size_t *offset, size_t *length);

#endif
