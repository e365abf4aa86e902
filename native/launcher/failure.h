/* What went wrong, in words for the user. Functions that can fail return 0 or the -1 of failure_set(). */
#ifndef TUNFLOW_LAUNCH_FAILURE_H
#define TUNFLOW_LAUNCH_FAILURE_H

#include "protocol.h"

enum exit_code {
    EXIT_USAGE = 2,
    EXIT_SETUP = 125,
    EXIT_NOT_EXECUTABLE = 126,
    EXIT_NOT_FOUND = 127,
};

struct failure {
    int error; /* errno, or 0 */
    char text[TFL_TEXT_SIZE];
};

/* Always returns -1. The text of `error` is appended unless it is 0. */
__attribute__((format(printf, 3, 4))) int failure_set(struct failure *failure, int error, const char *format, ...);

#endif
