/* One direction of the copy. */
#ifndef TUNFLOW_COPY_COPY_H
#define TUNFLOW_COPY_COPY_H

#include <stdint.h>

/* The longest packet, and the header in front of it. */
#define LONGEST_FRAME (65535 + 16)

struct way {
    int from;
    int to;
    uint64_t packets; /* written; super-packets count once */
    uint64_t bytes;   /* of them, with their headers */
    uint64_t large;   /* of them, those of more than LARGE bytes: super-packets */
    uint64_t dropped; /* read, and refused by the other interface */
    int dropped_errno; /* the last reason */
};

#define LARGE 2048

/*
 * Copies what is there, at most `most` packets, so that the directions take turns. 1 if there may be more, 0 if not, -1 with errno if `from`
 * can't be read any more. A packet that the other interface refuses is dropped, as a wire would.
 */
int copy_some(struct way *way, int most);

#endif
