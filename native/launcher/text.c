#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int text_read(const char *path, struct text *text)
{
    /* O_NONBLOCK: a FIFO in the file's place must not hold us up. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    text->length = 0;
    if (file < 0)
        return -1;
    while (text->length < sizeof(text->bytes)) {
        ssize_t count = read(file, text->bytes + text->length, sizeof(text->bytes) - text->length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            int error = errno;
            close(file);
            errno = error;
            return -1;
        }
        if (count == 0)
            break;
        text->length += (size_t)count;
    }
    close(file);
    if (text->length == sizeof(text->bytes)) {
        while (text->length > 0 && text->bytes[text->length - 1] != '\n')
            text->length--;
    }
    return 0;
}

int text_write(const char *path, const struct text *text)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (file < 0)
        return -1;
    size_t done = 0;
    int error = fchmod(file, 0644) != 0 ? errno : 0; /* whatever the umask */
    while (error == 0 && done < text->length) {
        ssize_t count = write(file, text->bytes + done, text->length - done);
        if (count >= 0)
            done += (size_t)count;
        else if (errno != EINTR)
            error = errno;
    }
    close(file);
    errno = error;
    return error == 0 ? 0 : -1;
}

void text_append(struct text *text, const char *piece, size_t length)
{
    if (length > sizeof(text->bytes) - text->length)
        return;
    memcpy(text->bytes + text->length, piece, length);
    text->length += length;
}

const char *text_next_line(const struct text *text, size_t *offset, size_t *length)
{
    if (*offset >= text->length)
        return NULL;
    const char *line = text->bytes + *offset;
    const char *end = memchr(line, '\n', text->length - *offset);
    *length = end != NULL ? (size_t)(end - line) : text->length - *offset;
    *offset += *length + 1;
    return line;
}
