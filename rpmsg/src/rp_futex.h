/* SPDX-License-Identifier: Apache-2.0
 *
 * Sleep on a private word until it changes or an absolute CLOCK_MONOTONIC time.
 */
#ifndef RP_FUTEX_H
#define RP_FUTEX_H

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RP_FOREVER UINT64_MAX

static inline uint64_t rp_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline struct timespec rp_timespec(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

/* 0 (woken, changed or spurious), -ETIMEDOUT, -EINTR. */
static inline int rp_futex_wait(uint32_t *word, uint32_t seen, uint64_t deadline_ns)
{
    struct timespec deadline = rp_timespec(deadline_ns);
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, seen, deadline_ns == RP_FOREVER ? NULL : &deadline,
                      NULL, FUTEX_BITSET_MATCH_ANY);
    return rc < 0 && (errno == ETIMEDOUT || errno == EINTR) ? -errno : 0;
}

static inline void rp_futex_wake(uint32_t *word, int num)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, num, NULL, NULL, 0);
}

#endif
