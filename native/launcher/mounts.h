/* Mounts in this process's private mount namespace. */
#ifndef TUNFLOW_LAUNCH_MOUNTS_H
#define TUNFLOW_LAUNCH_MOUNTS_H

#include "failure.h"
#include "text.h"

/* Covers a directory with an empty file system; a directory that is not there is left alone (result 1). */
int mounts_cover(const char *directory, struct failure *failure);
int mounts_make_read_only(const char *directory, struct failure *failure);

/* Puts `contents` over the file `path` (symbolic links are followed). Result 1: there is no such file. */
int mounts_replace_file(const char *path, const struct text *contents, struct failure *failure);

/* Replaces /etc by a copy of links to its entries, so that files which the host lacks can be added to it. */
int mounts_copy_up_etc(struct failure *failure);

#endif
