/* The contents of the command's resolver files, from those of the host. */
#ifndef TUNFLOW_LAUNCH_RESOLVER_FILES_H
#define TUNFLOW_LAUNCH_RESOLVER_FILES_H

#include "text.h"

void resolver_files_resolv_conf(const struct text *host, const char *server, struct text *result);
void resolver_files_nsswitch(const struct text *host, struct text *result);

#endif
