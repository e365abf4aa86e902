/* What goes wrong during a run is counted by its kind; what goes wrong before one ends the program with a message. */
#ifndef TUNFLOW_LOAD_FAILURES_H
#define TUNFLOW_LOAD_FAILURES_H

#include <stdint.h>

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILURES = 1, /* it ran, and something was lost or failed: the report says what */
    EXIT_USAGE = 2,
    EXIT_SETUP = 3,    /* the system refused what is needed to run at all */
};

/* Kinds beyond errno's. */
enum failure_kind {
    FAILURE_TIMEOUT = -1,
    FAILURE_EARLY_END = -2, /* the peer ended the stream before its answer was whole */
    FAILURE_MISMATCH = -3,  /* other bytes than were sent */
    FAILURE_EXTRA = -4,     /* more bytes than were asked for */
};

#define FAILURE_KINDS 5
#define FAILURE_ERRNOS 256

struct failures {
    uint64_t total;
    uint64_t own[FAILURE_KINDS];
    uint64_t errnos[FAILURE_ERRNOS];
};

/* `failure` is an errno or a failure_kind; 0 counts nothing. */
void failures_add(struct failures *failures, int failure);

/* "ECONNREFUSED", "timeout"; a number for what has no name here. Valid until the next call. */
const char *failure_name(int failure);

/* Print "tunflow-load: ..." to stderr. setup_failed appends errno's text. */
__attribute__((format(printf, 1, 2))) int usage_failed(const char *format, ...);    /* EXIT_USAGE */
__attribute__((format(printf, 1, 2))) int setup_failed(const char *format, ...);    /* EXIT_SETUP */

#endif
