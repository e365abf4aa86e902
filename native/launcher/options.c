#include "options.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int parse_number(const char *text, long minimum, long maximum, long *value)
{
    char *end = NULL;

    if (!isdigit((unsigned char)text[0]))
        return -1;
    errno = 0;
    *value = strtol(text, &end, 10);
    return errno == 0 && *end == '\0' && *value >= minimum && *value <= maximum ? 0 : -1;
}

static int is_address(const char *text)
{
    struct in6_addr storage;

    return inet_pton(AF_INET, text, &storage) == 1 || inet_pton(AF_INET6, text, &storage) == 1;
}

/* The kernel's dev_valid_name(), and no '%': TUNSETIFF would expand it as a pattern. */
static int is_interface_name(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length >= TFL_NAME_SIZE || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    for (; *name != '\0'; name++) {
        if (*name == '/' || *name == ':' || *name == '%' || isspace((unsigned char)*name) ||
            iscntrl((unsigned char)*name))
            return 0;
    }
    return 1;
}

static int set_option(const char *option, const char *value, struct options *options, struct failure *failure)
{
    long number;

    if (strcmp(option, "--socket") == 0) {
        if (parse_number(value, 0, 1 << 20, &number) != 0)
            return failure_set(failure, 0, "--socket: '%s' is not a descriptor", value);
        options->socket = (int)number;
    } else if (strcmp(option, "--mtu") == 0) {
        if (parse_number(value, 68, 65535, &number) != 0)
            return failure_set(failure, 0, "--mtu: '%s' is not a number from 68 to 65535", value);
        options->mtu = (unsigned int)number;
    } else if (strcmp(option, "--dns") == 0) {
        if (!is_address(value))
            return failure_set(failure, 0, "--dns: '%s' is not an IPv4 or IPv6 address", value);
        options->dns = value;
    } else if (strcmp(option, "--name") == 0) {
        if (!is_interface_name(value))
            return failure_set(failure, 0, "--name: '%s' is not an interface name", value);
        options->name = value;
    } else {
        return failure_set(failure, 0, "unknown option '%s'", option);
    }
    return 0;
}

enum options_result options_parse(int argc, char **argv, struct options *options, struct failure *failure)
{
    int i = 1;

    *options = (struct options){.socket = -1, .mtu = 1500, .dns = TFL_DNS_IPV4, .name = "tun0"};
    for (; i < argc && strcmp(argv[i], "--") != 0; i += 2) {
        if (strcmp(argv[i], "--help") == 0)
            return OPTIONS_HELP;
        if (strcmp(argv[i], "--version") == 0)
            return OPTIONS_VERSION;
        if (argv[i][0] != '-')
            return (enum options_result)failure_set(failure, 0, "'%s': the command belongs behind --", argv[i]);
        if (i + 1 >= argc)
            return (enum options_result)failure_set(failure, 0, "option '%s' needs a value", argv[i]);
        if (set_option(argv[i], argv[i + 1], options, failure) != 0)
            return OPTIONS_INVALID;
    }
    if (options->socket < 0)
        return (enum options_result)failure_set(failure, 0, "--socket is required");
    if (i + 1 >= argc || argv[i + 1][0] == '\0')
        return (enum options_result)failure_set(failure, 0, "no command after --");
    options->command = argv + i + 1;
    return OPTIONS_RUN;
}
