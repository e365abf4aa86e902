#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* The value of a sysctl, or -1 where the kernel does not have it. */
static long sysctl_read(const char *path)
{
    char text[32];
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0)
        return -1;
    ssize_t length = read(file, text, sizeof(text) - 1);
    close(file);
    if (length <= 0)
        return -1;
    text[length] = '\0';
    return strtol(text, NULL, 10);
}

/* A namespace is refused with one and the same errno for several reasons; the settings tell which. */
static int user_namespace_refused(int error, const char *step, struct failure *failure)
{
    if (error == EINVAL || error == ENOSYS)
        return failure_set(failure, error, "the kernel has no user namespaces (CONFIG_USER_NS)");
    if (sysctl_read("/proc/sys/user/max_user_namespaces") == 0)
        return failure_set(failure, error, "user namespaces are forbidden: the setting user.max_user_namespaces is 0");
    if (sysctl_read("/proc/sys/kernel/unprivileged_userns_clone") == 0)
        return failure_set(failure, error,
                           "user namespaces are forbidden: the setting kernel.unprivileged_userns_clone is 0");
    if (error == ENOSPC || error == EUSERS)
        return failure_set(failure, error, "too many or too deeply nested user namespaces: the setting "
                           "user.max_user_namespaces is %ld", sysctl_read("/proc/sys/user/max_user_namespaces"));
    if (sysctl_read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") > 0)
        return failure_set(failure, error, "user namespaces are restricted: the setting "
                           "kernel.apparmor_restrict_unprivileged_userns is 1");
    return failure_set(failure, error, "user namespaces are forbidden here, by a container's seccomp filter, "
                       "a security module or a chroot: %s", step);
}

static int write_file(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);

    if (file < 0)
        return -1;
    ssize_t written = write(file, text, strlen(text));
    int error = errno;
    close(file);
    errno = error;
    return written == (ssize_t)strlen(text) ? 0 : -1;
}

/* The user keeps its own ids: files it creates are its own, and the command sees no difference. */
static int map_ids(uid_t uid, gid_t gid, struct failure *failure)
{
    char map[64];

    snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
    if (write_file("/proc/self/uid_map", map) != 0)
        return user_namespace_refused(errno, "/proc/self/uid_map", failure);
    /* Without this the kernel refuses an unprivileged gid_map (CVE-2014-8989). Kernels before 3.19 lack the file. */
    if (write_file("/proc/self/setgroups", "deny") != 0 && errno != ENOENT)
        return user_namespace_refused(errno, "/proc/self/setgroups", failure);
    snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
    if (write_file("/proc/self/gid_map", map) != 0)
        return user_namespace_refused(errno, "/proc/self/gid_map", failure);
    return 0;
}

static int enter_user_namespace(struct failure *failure)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();

    if (unshare(CLONE_NEWUSER) != 0)
        return user_namespace_refused(errno, "unshare", failure);
    return map_ids(uid, gid, failure);
}

static int enter(int flag, const char *what, const char *setting, int user, struct failure *failure)
{
    char path[64];

    if (unshare(flag) == 0)
        return 0;
    int error = errno;
    if (error == ENOSPC) {
        snprintf(path, sizeof(path), "/proc/sys/user/%s", setting);
        return failure_set(failure, error, "no more %s namespaces: the setting user.%s is %ld", what, setting,
                           sysctl_read(path));
    }
    /* AppArmor lets the user namespace come into being, but without its capabilities. */
    if (error == EPERM && user)
        return user_namespace_refused(error, what, failure);
    return failure_set(failure, error, "cannot create a %s namespace", what);
}

int namespaces_enter(int user, struct failure *failure)
{
    /* One step at a time instead of one unshare for all, so that an error has a name. */
    if (user && enter_user_namespace(failure) != 0)
        return -1;
    if (enter(CLONE_NEWNET, "network", "max_net_namespaces", user, failure) != 0 ||
        enter(CLONE_NEWNS, "mount", "max_mnt_namespaces", user, failure) != 0)
        return -1;
    /* As root, the copy is still a peer of the host's mounts: without this the host would get our resolv.conf. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return failure_set(failure, errno, "cannot make the mount namespace private");
    return 0;
}
