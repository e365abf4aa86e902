#include "mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define TMPFS_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define TMPFS_OPTIONS "mode=0755,size=1m"

/* Files are prepared in a file system that is mounted here for a moment; only this process sees it. */
#define STAGING "/tmp"

int mounts_cover(const char *directory, struct failure *failure)
{
    if (mount("tunflow", directory, "tmpfs", TMPFS_FLAGS, TMPFS_OPTIONS) == 0)
        return 0;
    if (errno == ENOENT || errno == ENOTDIR)
        return 1;
    return failure_set(failure, errno, "cannot hide the resolver in %s", directory);
}

int mounts_make_read_only(const char *directory, struct failure *failure)
{
    if (mount(NULL, directory, NULL, MS_REMOUNT | MS_RDONLY | TMPFS_FLAGS, NULL) != 0)
        return failure_set(failure, errno, "cannot make %s read-only", directory);
    return 0;
}

static int staging_begin(struct failure *failure)
{
    if (mount("tunflow", STAGING, "tmpfs", TMPFS_FLAGS, TMPFS_OPTIONS) != 0)
        return failure_set(failure, errno, "cannot mount a temporary file system on " STAGING);
    return 0;
}

/* Mounts bound from the staging file system keep it alive. */
static void staging_end(void)
{
    umount2(STAGING, MNT_DETACH);
}

int mounts_replace_file(const char *path, const struct text *contents, struct failure *failure)
{
    char target_path[32];
    int result = 0;
    /* Taken before the staging file system can hide it: `path` may be a link into that directory. */
    int target = open(path, O_PATH | O_CLOEXEC);

    if (target < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 1;
    if (target < 0)
        return failure_set(failure, errno, "cannot open %s", path);
    snprintf(target_path, sizeof(target_path), "/proc/self/fd/%d", target);
    if (staging_begin(failure) != 0) {
        close(target);
        return -1;
    }
    if (text_write(STAGING "/file", contents) != 0 ||
        mount(STAGING "/file", target_path, NULL, MS_BIND, NULL) != 0)
        result = failure_set(failure, errno, "cannot replace %s", path);
    staging_end();
    close(target);
    return result;
}

/* A link for each entry of `from` (open as `directory`), in `to`. */
static int link_entries(DIR *directory, const char *from, const char *to)
{
    char target[4096], link[4096];

    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (snprintf(target, sizeof(target), "%s/%s", from, entry->d_name) >= (int)sizeof(target) ||
            snprintf(link, sizeof(link), "%s/%s", to, entry->d_name) >= (int)sizeof(link)) {
            errno = ENAMETOOLONG;
            return -1;
        }
        /* A dangling resolv.conf is what brought us here: leave its place free. */
        if (strcmp(entry->d_name, "resolv.conf") != 0 && symlink(target, link) != 0)
            return -1;
    }
    return 0;
}

int mounts_copy_up_etc(struct failure *failure)
{
    int result = -1;
    DIR *directory = opendir("/etc");

    if (directory == NULL)
        return failure_set(failure, errno, "cannot read /etc");
    if (staging_begin(failure) != 0) {
        closedir(directory);
        return -1;
    }
    /* The original stays reachable below the copy, and its own sub-mounts with it. */
    if (mkdir(STAGING "/etc", 0700) != 0 || chmod(STAGING "/etc", 0755) != 0 || /* whatever the umask */
        mkdir(STAGING "/etc/.host", 0700) != 0 ||
        mount("/etc", STAGING "/etc/.host", NULL, MS_BIND | MS_REC, NULL) != 0 ||
        link_entries(directory, ".host", STAGING "/etc") != 0 ||
        mount(STAGING "/etc", "/etc", NULL, MS_BIND | MS_REC, NULL) != 0)
        failure_set(failure, errno, "cannot add a resolv.conf to /etc");
    else
        result = 0;
    staging_end();
    closedir(directory);
    return result;
}
