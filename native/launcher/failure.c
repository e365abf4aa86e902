#include "failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int failure_set(struct failure *failure, int error, const char *format, ...)
{
    va_list arguments;

    failure->error = error;
    va_start(arguments, format);
    int length = vsnprintf(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    if (length < 0)
        failure->text[0] = '\0';
    if (error != 0) {
        size_t used = strlen(failure->text);
        snprintf(failure->text + used, sizeof(failure->text) - used, " (%s)", strerror(error));
    }
    /* The caller prints this as one line, whatever a path or an argument contained. */
    for (char *c = failure->text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    return -1;
}
