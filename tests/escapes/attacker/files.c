/* Files of the kernel's and of the host's: opened, uncovered, reached around the container's root. */
#include "attempt.h"
#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* Opened for writing and closed again: nothing is written. */
static void open_to_write(args_t args) { came(open(args[0], O_WRONLY), NULL); }

/* O_TRUNC asks the mount before it asks whether the file is being run, see open(2): EROFS, then ETXTBSY. */
static void truncate_open(args_t args) { came(open(args[0], O_WRONLY | O_TRUNC), NULL); }

static void chmod_(args_t args) { came(chmod(args[0], 0777), NULL); }

/* Whether a file or directory holds anything. */
static void look(args_t args)
{
    char byte;
    int fd = open(args[0], O_RDONLY);
    if (fd < 0)
        came(-1, NULL);
    DIR *folder = fdopendir(fd);
    if (folder) {
        int count = 0;
        while (readdir(folder))
            count++;
        said(count > 2 ? "ok" : "empty");
    }
    ssize_t got = read(fd, &byte, 1);
    if (got < 0)
        came(-1, NULL);
    said(got ? "ok" : "empty");
}

/* mknod is let through, as Docker does: programs unpack archives with devices. Opening is what counts. */
static void device(args_t args)
{
    dev_t number = makedev(atoi(args[1]), atoi(args[2]));
    unlink("/node");
    if (mknod("/node", (args[0][0] == 'b' ? S_IFBLK : S_IFCHR) | 0600, number))
        came(-1, "mknod");
    came(open("/node", O_RDONLY | O_NONBLOCK), "open");
}

/* On a file system that rlab itself has mounted, where nodes open nothing. */
static void device_in_shm(args_t args)
{
    (void)args;
    unlink("/dev/shm/node");
    if (mknod("/dev/shm/node", S_IFCHR | 0600, makedev(1, 3)))
        came(-1, "mknod");
    came(open("/dev/shm/node", O_RDONLY), "open");
}

static void umount_(args_t args) { came(umount2(args[0], MNT_DETACH), NULL); }

static void remount_writable(args_t args)
{
    came(mount(NULL, args[0], NULL, MS_REMOUNT | MS_BIND, NULL), NULL);
}

/* A user namespace of one's own makes one root in it, over new namespaces but not over what they were copied from. */
static void in_user_namespace(void)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID))
        came(-1, "unshare");
}

static void user_umount(args_t args)
{
    in_user_namespace();
    came(umount2(args[0], MNT_DETACH), "umount");
}

static void user_remount(args_t args)
{
    in_user_namespace();
    came(mount(NULL, args[0], NULL, MS_REMOUNT | MS_BIND, NULL), "mount");
}

/* A /proc of a PID namespace of one's own, to have it without covers. */
static void user_proc(args_t args)
{
    (void)args;
    in_user_namespace();
    pid_t child = fork();
    if (child == 0)
        came(mount("proc", "/proc", "proc", 0, ""), "mount");
    waitpid(child, NULL, 0);
    _exit(0);
}

/* The release agent is a program that the kernel runs on the host when a group of v1 is empty. Looked for, opened, not
 * written. */
static void release_agent(args_t args)
{
    mkdir("/groups", 0755);
    if (mount("none", "/groups", "cgroup", 0, args[0]))
        came(-1, "mount");
    came(open("/groups/release_agent", O_WRONLY), "open");
}

/* Root that may call chroot leaves a chroot: it moves its root below its working directory, and climbs. */
static void chroot_twice(args_t args)
{
    mkdir("/below", 0755);
    int here = open("/", O_RDONLY | O_DIRECTORY);
    if (chroot("/below") || fchdir(here))
        came(-1, "chroot");
    for (int i = 0; i < 64; i++)
        if (chdir(".."))
            came(-1, "chdir");
    if (chroot("."))
        came(-1, "chroot");
    came(open(args[0], O_RDONLY), NULL);
}

struct handle {
    struct file_handle head;
    unsigned char bytes[128];
};

/* Prints what names a file by its number on the disk, for the next one. */
static void handle(args_t args)
{
    struct handle found = {.head = {.handle_bytes = 128}};
    int mount;
    if (name_to_handle_at(AT_FDCWD, args[0], &found.head, &mount, 0))
        came(-1, NULL);
    char text[300] = "";
    for (unsigned i = 0; i < found.head.handle_bytes; i++)
        sprintf(text + 2 * i, "%02x", found.head.f_handle[i]);
    said("%d.%s", found.head.handle_type, text);
}

/* A file of the host's by its number, through any file of the same disk that is in reach. */
static void open_handle(args_t args)
{
    struct handle wanted = {.head = {.handle_bytes = 0}};
    const char *digits = strchr(args[1], '.');
    wanted.head.handle_type = atoi(args[1]);
    for (digits++; *digits; digits += 2)
        sscanf(digits, "%2hhx", &wanted.head.f_handle[wanted.head.handle_bytes++]);
    int disk = open(args[0], O_RDONLY);
    came(open_by_handle_at(disk, &wanted.head, O_RDONLY), NULL);
}

const struct attempt files[] = {
    {"write", open_to_write}, {"truncate", truncate_open}, {"chmod", chmod_}, {"look", look},
    {"device", device}, {"device-in-shm", device_in_shm}, {"umount", umount_}, {"remount", remount_writable},
    {"user-umount", user_umount}, {"user-remount", user_remount}, {"user-proc", user_proc},
    {"release-agent", release_agent}, {"chroot-twice", chroot_twice}, {"handle", handle},
    {"open-handle", open_handle}, {NULL, NULL},
};
