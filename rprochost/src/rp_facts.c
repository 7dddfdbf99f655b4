/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "rp_facts.h"

#include "rp_clock.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LOOKS 1000

const char *rp_compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}

uint64_t rp_clock_cost_ns(void)
{
    uint64_t least = UINT64_MAX;
    /* The smallest of a few means: an interruption only ever adds. */
    for (int i = 0; i < 10; i++) {
        uint64_t begin = rp_clock_ns();
        uint64_t end = begin;
        for (int k = 0; k < LOOKS; k++)
            end = rp_clock_ns();
        uint64_t mean = (end - begin) / LOOKS;
        least = mean < least ? mean : least;
    }
    return least;
}

uint64_t rp_nothing(void)
{
    return 0;
}

int rp_die_with_parent(int pid)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    return getppid() == pid ? 0 : -ESRCH;
}
