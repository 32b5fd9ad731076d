/* Processes, sockets, memory and terminals of the host, and what rlab itself has left behind in this process. */
#include "attempt.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static void kill_(args_t args) { came(kill(atoi(args[0]), 0), NULL); }
static void pidfd_open_(args_t args) { came(syscall(SYS_pidfd_open, atoi(args[0]), 0), NULL); }
static void setpriority_(args_t args) { came(setpriority(PRIO_PROCESS, atoi(args[0]), 1), NULL); }

static void ptrace_(args_t args)
{
    /* PTRACE_SEIZE does not stop it, and our end lets it go. */
    came(ptrace(PTRACE_SEIZE, atoi(args[0]), 0, 0), NULL);
}

/* Address 0 is never mapped: EFAULT says that only the address was wrong. */
static void vm_read(args_t args)
{
    char byte;
    struct iovec own = {&byte, 1}, other = {NULL, 1};
    came(process_vm_readv(atoi(args[0]), &own, 1, &other, 1, 0), NULL);
}

static void abstract(args_t args)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(args[0]);
    memcpy(address.sun_path + 1, args[0], length);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    came(connect(fd, (void *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + length), NULL);
}

static void loopback(args_t args)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(args[0]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    came(connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&address, sizeof address), NULL);
}

static void memory(args_t args) { came(shmget(atoi(args[0]), 0, 0), NULL); }

/* The descriptors that came in: all but those of this program's own making. */
static void descriptors(args_t args)
{
    (void)args;
    char text[256] = "";
    for (int fd = 0; fd < 4096; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0 && !(flags & FD_CLOEXEC))
            sprintf(text + strlen(text), "%s%d", *text ? " " : "", fd);
        if (strlen(text) > 200)
            break;
    }
    said("%s", text);
}

/* Where a descriptor leads, for what is no pipe: onto a file system of this container's, or of the host's. */
static void input(args_t args)
{
    (void)args;
    struct stat given, own;
    if (fstat(0, &given) || stat("/dev/null", &own))
        came(-1, NULL);
    if (!S_ISCHR(given.st_mode))
        said("no device");
    said(given.st_dev == own.st_dev ? "own" : "the host's");
}

static void terminal(args_t args)
{
    (void)args;
    struct stat given, own;
    char *name = ttyname(0);
    if (!isatty(0) || fstat(0, &given) || stat("/dev/pts/ptmx", &own))
        came(-1, NULL);
    said("%s, %s", given.st_dev == own.st_dev ? "own" : "the host's", name ? name : "without a name");
}

/* Pushes a letter into the controlling terminal, as if it had been typed. */
static void push(args_t args)
{
    int fd = open("/dev/tty", O_RDWR);
    if (fd < 0)
        came(-1, "open");
    for (const char *letter = args[0]; *letter; letter++)
        if (ioctl(fd, TIOCSTI, letter))
            came(-1, "ioctl");
    said("ok");
}

static void status(args_t args)
{
    char line[256], text[256] = "";
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, args[0], strlen(args[0])))
            snprintf(text, sizeof text, "%s", line + strlen(args[0]) + 1);
    said("%s", strtok(text, "\t \n"));
}

/* Copies this program, gives the copy a power that its user has not got, and says what a user gets by running it. */
static void copy_self(const char *to)
{
    char bytes[65536];
    ssize_t got;
    int from = open("/proc/self/exe", O_RDONLY), file = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    while ((got = read(from, bytes, sizeof bytes)) > 0)
        if (write(file, bytes, got) != got)
            came(-1, "write");
    close(file);
}

static void run_as_user(const char *program)
{
    int out[2];
    if (pipe(out) || setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
        came(-1, "setresuid");
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], 1);
        execl(program, program, "ids", NULL);
        dprintf(1, "%s\n", strerrorname_np(errno));
        _exit(1);
    }
    close(out[1]);
    char text[64] = "";
    if (read(out[0], text, sizeof text - 1) < 0)
        came(-1, "read");
    /* While it runs, nobody may write to its file, and the next attempt does. */
    waitpid(child, NULL, 0);
    said("%s", strtok(text, "\n"));
}

static void setuid_root(args_t args)
{
    (void)args;
    copy_self("/setuid");
    if (chmod("/setuid", 04755))
        came(-1, "chmod");
    run_as_user("/setuid");
}

/* A file that gives one capability. Its number is the argument. */
static void file_capability(args_t args)
{
    int number = atoi(args[0]);
    unsigned value[5] = {0x02000001 /* revision 2, effective */, 0, 0, 0, 0};
    value[1 + 2 * (number / 32)] = 1u << (number % 32);
    copy_self("/capable");
    if (setxattr("/capable", "security.capability", value, sizeof value, 0))
        came(-1, "setxattr");
    run_as_user("/capable");
}

const struct attempt outside[] = {
    {"kill", kill_}, {"pidfd_open", pidfd_open_}, {"setpriority", setpriority_}, {"ptrace", ptrace_},
    {"vm-read", vm_read}, {"abstract", abstract}, {"loopback", loopback}, {"memory", memory},
    {"descriptors", descriptors}, {"input", input}, {"terminal", terminal}, {"push", push}, {"status", status},
    {"setuid-root", setuid_root}, {"file-capability", file_capability}, {NULL, NULL},
};
