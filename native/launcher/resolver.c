#include "resolver.h"
#include "mounts.h"
#include "resolver_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESOLV_CONF "/etc/resolv.conf"

/* /var/run is a link to /run on most systems, but not on all. */
static const char *const socket_directories[] = {
    "/run/nscd", "/var/run/nscd", "/run/systemd/resolve", "/run/avahi-daemon", "/var/run/avahi-daemon",
};

/* systemd-resolved keeps the files that /etc/resolv.conf usually links to in the directory of its sockets. */
static const char *const linked_files[] = {"stub-resolv.conf", "resolv.conf"};

static int cover(const char *path, const struct text *resolv_conf, struct failure *failure)
{
    char file[4096];

    int covered = mounts_cover(path, failure);
    if (covered != 0)
        return covered < 0 ? -1 : 0;
    if (strcmp(path, "/run/systemd/resolve") == 0) {
        for (size_t i = 0; i < sizeof(linked_files) / sizeof(linked_files[0]); i++) {
            snprintf(file, sizeof(file), "%s/%s", path, linked_files[i]);
            if (text_write(file, resolv_conf) != 0)
                return failure_set(failure, errno, "cannot write %s", file);
        }
    }
    return mounts_make_read_only(path, failure);
}

static int cover_sockets(const struct text *resolv_conf, struct failure *failure)
{
    for (size_t i = 0; i < sizeof(socket_directories) / sizeof(socket_directories[0]); i++) {
        /* A second name of a directory that was covered already is not covered again. */
        char *real = realpath(socket_directories[i], NULL);
        int alias = real != NULL && strcmp(real, socket_directories[i]) != 0;
        free(real);
        if (!alias && cover(socket_directories[i], resolv_conf, failure) != 0)
            return -1;
    }
    return 0;
}

static int replace_resolv_conf(const struct text *resolv_conf, struct failure *failure)
{
    int result = mounts_replace_file(RESOLV_CONF, resolv_conf, failure);

    if (result <= 0)
        return result;
    if (mounts_copy_up_etc(failure) != 0)
        return -1;
    if (text_write(RESOLV_CONF, resolv_conf) != 0)
        return failure_set(failure, errno, "cannot write " RESOLV_CONF);
    return 0;
}

static int replace_nsswitch(const char *path, struct failure *failure)
{
    static struct text host, rewritten;

    /* Without the file the C library's default for hosts applies, which is "files" and "dns" as well. */
    if (text_read(path, &host) != 0)
        return errno == ENOENT ? 0 : failure_set(failure, errno, "cannot read %s", path);
    resolver_files_nsswitch(&host, &rewritten);
    return mounts_replace_file(path, &rewritten, failure) < 0 ? -1 : 0;
}

int resolver_configure(const char *server, struct failure *failure)
{
    static struct text host, resolv_conf;

    if (text_read(RESOLV_CONF, &host) != 0 && errno != ENOENT && errno != ENOTDIR && errno != EACCES)
        return failure_set(failure, errno, "cannot read " RESOLV_CONF);
    resolver_files_resolv_conf(&host, server, &resolv_conf);
    if (cover_sockets(&resolv_conf, failure) != 0 || replace_resolv_conf(&resolv_conf, failure) != 0)
        return -1;
    /* Some distributions keep their defaults in /usr/etc. */
    if (replace_nsswitch("/etc/nsswitch.conf", failure) != 0 ||
        replace_nsswitch("/usr/etc/nsswitch.conf", failure) != 0)
        return -1;
    return 0;
}
