#include "failures.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void failures_add(struct failures *failures, int failure)
{
    if (failure == 0)
        return;
    failures->total++;
    if (failure < 0)
        failures->own[-failure]++;
    else
        failures->errnos[failure < FAILURE_ERRNOS ? failure : 0]++;
}

const char *failure_name(int failure)
{
    static char number[24];

    switch (failure) {
    case FAILURE_TIMEOUT: return "timeout";
    case FAILURE_EARLY_END: return "early_end";
    case FAILURE_MISMATCH: return "mismatch";
    case FAILURE_EXTRA: return "extra";
    case EACCES: return "EACCES";
    case EADDRINUSE: return "EADDRINUSE";
    case EADDRNOTAVAIL: return "EADDRNOTAVAIL";
    case EAFNOSUPPORT: return "EAFNOSUPPORT";
    case EAGAIN: return "EAGAIN";
    case ECONNABORTED: return "ECONNABORTED";
    case ECONNREFUSED: return "ECONNREFUSED";
    case ECONNRESET: return "ECONNRESET";
    case EHOSTUNREACH: return "EHOSTUNREACH";
    case EINVAL: return "EINVAL";
    case EMFILE: return "EMFILE";
    case EMSGSIZE: return "EMSGSIZE";
    case ENETDOWN: return "ENETDOWN";
    case ENETUNREACH: return "ENETUNREACH";
    case ENFILE: return "ENFILE";
    case ENOBUFS: return "ENOBUFS";
    case ENOMEM: return "ENOMEM";
    case ENOPROTOOPT: return "ENOPROTOOPT";
    case EPERM: return "EPERM";
    case EPIPE: return "EPIPE";
    case EPROTO: return "EPROTO";
    case ETIMEDOUT: return "ETIMEDOUT";
    default:
        snprintf(number, sizeof(number), "errno_%d", failure);
        return number;
    }
}

static void print(const char *format, va_list arguments, int error)
{
    fputs("tunflow-load: ", stderr);
    vfprintf(stderr, format, arguments);
    if (error != 0)
        fprintf(stderr, " (%s)", strerror(error));
    fputc('\n', stderr);
}

int usage_failed(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print(format, arguments, 0);
    va_end(arguments);
    return EXIT_USAGE;
}

int setup_failed(const char *format, ...)
{
    int error = errno;
    va_list arguments;

    va_start(arguments, format);
    print(format, arguments, error);
    va_end(arguments);
    return EXIT_SETUP;
}
