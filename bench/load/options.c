#include "options.h"

#include "failures.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    char *end = NULL;

    if (!isdigit((unsigned char)text[0]))
        return -1;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || number < least || number > most)
        return -1;
    *value = number;
    return 0;
}

static void print_option(const struct option *option)
{
    char left[80];

    switch (option->kind) {
    case OPTION_NUMBER:
        snprintf(left, sizeof(left), "%s N", option->name);
        printf("  %-20s %s", left, option->help);
        if (*(const uint64_t *)option->value != UINT64_MAX)
            printf(" (%" PRIu64 ")", *(const uint64_t *)option->value);
        putchar('\n');
        break;
    case OPTION_CHOICE:
        snprintf(left, sizeof(left), "%s HOW", option->name);
        printf("  %-20s %s:", left, option->help);
        for (unsigned int i = 0; option->choices[i] != NULL; i++)
            printf(" %s%s", option->choices[i], i == *(const unsigned int *)option->value ? " (default)" : "");
        putchar('\n');
        break;
    case OPTION_TEXT:
        snprintf(left, sizeof(left), "%s TEXT", option->name);
        printf("  %-20s %s\n", left, option->help);
        break;
    case OPTION_FLAG:
    default:
        printf("  %-20s %s\n", option->name, option->help);
        break;
    }
}

static int print_usage(const struct command *command)
{
    printf("usage: tunflow-load %s [OPTION...] %s\n%s\n", command->name, command->arguments, command->summary);
    for (const struct option *option = command->options; option->name != NULL; option++)
        print_option(option);
    return EXIT_DONE;
}

static int set_choice(const struct option *option, const char *text)
{
    for (unsigned int i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(text, option->choices[i]) == 0) {
            *(unsigned int *)option->value = i;
            return -1;
        }
    }
    return usage_failed("%s: '%s' is none of its choices; see --help", option->name, text);
}

static int set_value(const struct option *option, char *text)
{
    if (option->kind == OPTION_CHOICE)
        return set_choice(option, text);
    if (option->kind == OPTION_TEXT)
        *(const char **)option->value = text;
    else if (number_parse(text, option->least, option->most, option->value) != 0)
        return usage_failed("%s: '%s' is not a number from %" PRIu64 " to %" PRIu64, option->name, text, option->least, option->most);
    return -1;
}

static const struct option *find(const struct command *command, const char *name)
{
    for (const struct option *option = command->options; option->name != NULL; option++) {
        if (strcmp(name, option->name) == 0)
            return option;
    }
    return NULL;
}

int options_parse(const struct command *command, int argc, char **argv, char ***plain, int *count)
{
    /* Plain arguments are gathered at the front, over what was read already. */
    *plain = argv;
    *count = 0;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return print_usage(command);
        if (strncmp(argv[i], "--", 2) != 0) {
            argv[(*count)++] = argv[i];
            continue;
        }
        const struct option *option = find(command, argv[i]);
        if (option == NULL)
            return usage_failed("%s has no option '%s'; see tunflow-load %s --help", command->name, argv[i], command->name);
        if (option->kind == OPTION_FLAG) {
            *(int *)option->value = 1;
            continue;
        }
        if (i + 1 >= argc)
            return usage_failed("%s needs a value", option->name);
        int code = set_value(option, argv[++i]);
        if (code >= 0)
            return code;
    }
    if (*count < command->least || *count > command->most)
        return usage_failed("usage: tunflow-load %s [OPTION...] %s", command->name, command->arguments);
    return -1;
}
