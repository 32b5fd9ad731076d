/* Tries what it is told to try, each in a process of its own, and prints a line for each: `attempt: outcome`.
 *
 * Called as `attack name,argument,... name,...`. A process of its own, because an attempt that succeeds changes the one
 * that made it: its root directory, its user, its namespaces. */
#include "attempt.h"
#include <stdarg.h>
#include <sys/wait.h>

static int to_report = -1;

void said(const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (write(to_report, text, length < (int)sizeof text ? length : (int)sizeof text - 1) < 0)
        _exit(2);
    _exit(0);
}

void came(long result, const char *step)
{
    int error = errno;
    const char *name = result >= 0 ? "ok" : strerrorname_np(error);
    if (result < 0 && step)
        said("%s at %s", name, step);
    said("%s", name ? name : "unknown");
}

static const struct attempt *find(const struct attempt *list, const char *name)
{
    for (; list->name; list++)
        if (!strcmp(list->name, name))
            return list;
    return NULL;
}

static void try(const char *spelt)
{
    char copy[4096], *parts[8] = {0}, *rest = copy;
    snprintf(copy, sizeof copy, "%s", spelt);
    for (int i = 0; i < 7 && rest; i++)
        parts[i] = strsep(&rest, ",");
    for (int i = 0; i < 8; i++)
        if (!parts[i])
            parts[i] = "";
    const struct attempt *found = find(calls, parts[0]);
    found = found ? found : find(files, parts[0]);
    found = found ? found : find(outside, parts[0]);
    if (!found) {
        printf("%s: no such attempt\n", spelt);
        return;
    }
    int report[2];
    if (pipe2(report, O_CLOEXEC))
        exit(2);
    pid_t child = fork();
    if (child == 0) {
        to_report = report[1];
        found->try((args_t)parts + 1);
        said("said nothing");
    }
    close(report[1]);
    char text[512];
    ssize_t length = 0, got;
    while ((got = read(report[0], text + length, sizeof text - 1 - length)) > 0)
        length += got;
    close(report[0]);
    text[length > 0 ? length : 0] = 0;
    int status;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        printf("%s: SIG%s\n", spelt, sigabbrev_np(WTERMSIG(status)));
    else
        printf("%s: %s\n", spelt, text);
}

int main(int count, char **values)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 2 && !strcmp(values[1], "ids")) {
        /* Who a setuid program is run as, and with which capabilities. */
        char line[128];
        FILE *file = fopen("/proc/self/status", "r");
        while (file && fgets(line, sizeof line, file))
            if (!strncmp(line, "CapEff:", 7))
                printf("%d with %llx\n", (int)geteuid(), strtoull(line + 7, NULL, 16));
        return 0;
    }
    for (int i = 1; i < count; i++)
        try(values[i]);
    return 0;
}
