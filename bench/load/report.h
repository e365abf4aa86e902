/* What a run found, as one line of JSON on stdout. Durations are in microseconds, unless their name says otherwise. */
#ifndef TUNFLOW_LOAD_REPORT_H
#define TUNFLOW_LOAD_REPORT_H

#include "failures.h"
#include "histogram.h"

#include <stdint.h>

void report_begin(const char *command);
void report_object(const char *name); /* until report_close */
void report_close(void);
void report_count(const char *name, uint64_t value);
void report_number(const char *name, double value);
void report_text(const char *name, const char *value);
void report_durations(const char *name, const struct histogram *histogram);
void report_failures(const struct failures *failures);

/* The generator's own processor time since it started, and a signal, if one ended the run; and the line's end. Returns the exit code: `code`, or 128 and the signal. */
int report_end(int code);

#endif
