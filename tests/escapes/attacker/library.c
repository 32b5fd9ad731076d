/* Leaves a file behind when it is loaded, in the tree of whoever loaded it. */
#include <asm/unistd.h>

__attribute__((constructor)) static void loaded(void)
{
#ifdef __x86_64__
    static const char path[] = "/loaded";
    long result;
    register long mode __asm__("r10") = 0644;
    __asm__ volatile("syscall" : "=a"(result)
                     : "0"((long)__NR_openat), "D"(-100L), "S"(path), "d"(0101L), "r"(mode)
                     : "rcx", "r11", "memory");
#endif
}
