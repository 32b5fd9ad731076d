/* What every file of the attacker's program shares: an attempt says how far it came, and the program prints that.
 *
 * Each attempt is harmless where it succeeds: it opens and does not write, or it touches what the test has made. */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>

/* Arguments of one attempt; those that are not given are empty. */
typedef const char *const *args_t;

struct attempt {
    const char *name;
    /* Prints nothing; gives back with `came` or `said` how it went. */
    void (*try)(args_t args);
};

/* What one result says: "ok", or the errno's name, and at which step if that is not the only one. */
void came(long result, const char *step);
/* The same in words. */
void said(const char *format, ...) __attribute__((format(printf, 1, 2)));

extern const struct attempt calls[], files[], outside[];

#endif
