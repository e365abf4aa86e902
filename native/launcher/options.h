#ifndef TUNFLOW_LAUNCH_OPTIONS_H
#define TUNFLOW_LAUNCH_OPTIONS_H

#include "failure.h"

struct options {
    int socket;       /* -1 until given */
    unsigned int mtu; /* bytes */
    const char *dns;  /* a checked address literal */
    const char *name;
    char **command;   /* NULL-terminated, at least one element */
};

enum options_result { OPTIONS_RUN = 0, OPTIONS_INVALID = -1, OPTIONS_HELP = 1, OPTIONS_VERSION = 2 };

/* Pointers in `options` refer into argv. On OPTIONS_INVALID a valid options->socket was seen if it is >= 0. */
enum options_result options_parse(int argc, char **argv, struct options *options, struct failure *failure);

#endif
