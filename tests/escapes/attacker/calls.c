/* System calls by number, most of them with arguments that do nothing where the call is let through: what counts is
 * whether the filter, the capabilities or the kernel's own checks of the arguments answer. */
#include "attempt.h"
#include <sched.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CALL(name, step, ...) \
    static void name(args_t args) { (void)args; came(syscall(__VA_ARGS__), step); }

/* clone(2) as the system call itself, and the child gone at once. */
static long clone_with(unsigned long flags)
{
    long pid = syscall(SYS_clone, flags | 17 /* SIGCHLD */, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return pid;
}

static long clone3_with(uint64_t flags)
{
    uint64_t arguments[11] = {[0] = flags, [4] = 17};
    long pid = syscall(SYS_clone3, arguments, sizeof arguments);
    if (pid == 0)
        _exit(0);
    return pid;
}

static void clone_user(args_t args) { (void)args; came(clone_with(CLONE_NEWUSER), NULL); }
static void clone_mount(args_t args) { (void)args; came(clone_with(CLONE_NEWNS), NULL); }
static void clone3_user(args_t args) { (void)args; came(clone3_with(CLONE_NEWUSER), NULL); }
static void clone3_mount(args_t args) { (void)args; came(clone3_with(CLONE_NEWNS), NULL); }

static void setns_own(args_t args)
{
    (void)args;
    came(syscall(SYS_setns, open("/proc/self/ns/mnt", O_RDONLY), CLONE_NEWNS), NULL);
}

static void bpf_(args_t args)
{
    (void)args;
    char attributes[128] = {0};
    came(syscall(SYS_bpf, -1, attributes, sizeof attributes), NULL);
}

static void mount_setattr_(args_t args)
{
    (void)args;
    uint64_t attributes[4] = {0x10 /* MOUNT_ATTR_NOATIME */, 0x70 /* cleared: all of atime */, 0, 0};
    came(syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, attributes, sizeof attributes), NULL);
}

static void pidfd_getfd_(args_t args)
{
    (void)args;
    came(syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, getpid(), 0), 0, 0), NULL);
}

static void socket_(args_t args)
{
    came(socket(atoi(args[0]), SOCK_STREAM | (atoi(args[0]) == AF_ALG ? SOCK_SEQPACKET & ~SOCK_STREAM : 0), 0), NULL);
}

CALL(unshare_user, NULL, SYS_unshare, CLONE_NEWUSER)
CALL(unshare_mount, NULL, SYS_unshare, CLONE_NEWNS)
CALL(mount_tmpfs, NULL, SYS_mount, "none", "/tmp", "tmpfs", 0, "")
CALL(open_tree_, NULL, SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */)
CALL(fsopen_, NULL, SYS_fsopen, "tmpfs", 0)
CALL(pivot_root_, NULL, SYS_pivot_root, "/", "/")
CALL(swapon_, NULL, SYS_swapon, "/no/such/file", 0)
CALL(sethostname_, NULL, SYS_sethostname, "escaped", 7)
CALL(fanotify_init_, NULL, SYS_fanotify_init, 4 /* FAN_CLASS_CONTENT */, 0)
CALL(io_uring_setup_, NULL, SYS_io_uring_setup, 0, NULL)
CALL(add_key_, NULL, SYS_add_key, NULL, NULL, NULL, 0, 0)
CALL(keyctl_, NULL, SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -2 /* of the process */, 0)
CALL(request_key_, NULL, SYS_request_key, NULL, NULL, NULL, 0)
CALL(userfaultfd_, NULL, SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */)
CALL(perf_event_open_, NULL, SYS_perf_event_open, NULL, 0, -1, -1, 0)
CALL(kexec_load_, NULL, SYS_kexec_load, 0, 0, NULL, 0xff00UL)
CALL(init_module_, NULL, SYS_init_module, NULL, 0, NULL)
CALL(personality_, NULL, SYS_personality, READ_IMPLIES_EXEC)
CALL(reboot_, NULL, SYS_reboot, 0, 0, 0, NULL)
CALL(clock_settime_, NULL, SYS_clock_settime, 0, NULL)
CALL(acct_, NULL, SYS_acct, "/no/such/file")
CALL(syslog_, NULL, SYS_syslog, 9 /* SYSLOG_ACTION_SIZE_UNREAD */, NULL, 0)
CALL(kcmp_, NULL, SYS_kcmp, getpid(), getpid(), 0, 0, 0)
CALL(quotactl_, NULL, SYS_quotactl, -1, NULL, 0, NULL)

#ifdef __x86_64__
CALL(iopl_, NULL, SYS_iopl, 3)
/* The other two sets of numbers that one kernel may take from the same process. */
CALL(x32_unshare, NULL, 0x40000000 + SYS_unshare, CLONE_NEWUSER)

static long i386(long number, long first, long second)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(first), "c"(second), "d"(0L), "S"(0L), "D"(0L)
                     : "memory", "r8", "r9", "r10", "r11");
    result = (int)result;
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static void i386_unshare(args_t args) { (void)args; came(i386(310, CLONE_NEWUSER, 0), NULL); }
static void i386_keyctl(args_t args) { (void)args; came(i386(288, 0, -2), NULL); }
static void i386_mount(args_t args) { (void)args; came(i386(21, 0, 0), NULL); }
static void i386_clone3(args_t args) { (void)args; came(i386(435, 0, 0), NULL); }
#endif

const struct attempt calls[] = {
    {"unshare-user", unshare_user}, {"unshare-mount", unshare_mount}, {"clone-user", clone_user},
    {"clone-mount", clone_mount}, {"clone3-user", clone3_user}, {"clone3-mount", clone3_mount},
    {"setns", setns_own}, {"mount", mount_tmpfs}, {"open_tree", open_tree_}, {"fsopen", fsopen_},
    {"mount_setattr", mount_setattr_}, {"pivot_root", pivot_root_}, {"swapon", swapon_},
    {"sethostname", sethostname_}, {"fanotify_init", fanotify_init_}, {"io_uring_setup", io_uring_setup_},
    {"add_key", add_key_}, {"keyctl", keyctl_}, {"request_key", request_key_}, {"bpf", bpf_},
    {"userfaultfd", userfaultfd_}, {"perf_event_open", perf_event_open_}, {"kexec_load", kexec_load_},
    {"init_module", init_module_}, {"personality", personality_}, {"reboot", reboot_},
    {"clock_settime", clock_settime_}, {"acct", acct_}, {"syslog", syslog_}, {"kcmp", kcmp_},
    {"quotactl", quotactl_}, {"pidfd_getfd", pidfd_getfd_}, {"socket", socket_},
#ifdef __x86_64__
    {"iopl", iopl_}, {"x32-unshare", x32_unshare}, {"i386-unshare", i386_unshare}, {"i386-keyctl", i386_keyctl},
    {"i386-mount", i386_mount}, {"i386-clone3", i386_clone3},
#endif
    {NULL, NULL},
};
