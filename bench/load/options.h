/* Command lines: one table a command, from which its usage text comes, too. */
#ifndef TUNFLOW_LOAD_OPTIONS_H
#define TUNFLOW_LOAD_OPTIONS_H

#include <stdint.h>

enum option_kind {
    OPTION_NUMBER, /* value: uint64_t, within least..most */
    OPTION_CHOICE, /* value: unsigned int, an index into choices */
    OPTION_TEXT,   /* value: const char * */
    OPTION_FLAG,   /* value: int, becomes 1 */
};

struct option {
    const char *name; /* with its dashes; a NULL name ends a table */
    enum option_kind kind;
    void *value; /* holds the default before */
    uint64_t least;
    uint64_t most;
    const char *const *choices; /* NULL-terminated */
    const char *help;
};

struct command {
    const char *name;
    const char *arguments; /* what else is written behind the name, for the usage */
    const char *summary;
    struct option *options;
    int least; /* plain arguments */
    int most;
};

/* -1 to go on, with `plain` set to the `count` plain arguments; else the exit code: after --help, or an error that was printed. */
int options_parse(const struct command *command, int argc, char **argv, char ***plain, int *count);

/* 0 or -1. Digits only. */
int number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *value);

#endif
