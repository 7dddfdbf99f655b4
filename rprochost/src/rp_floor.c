/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "rp_floor.h"

#include "rp_clock.h"

#include <errno.h>
#include <unistd.h>

/* A side whose other half has died must not spin for ever. */
#define PATIENCE_NS UINT64_C(10000000000)
/* Looks at the word between two looks at the clock, which costs more. */
#define LOOKS 4096
/* A look at the clock costs a tenth of a turn between two flags: a floor that contained it would flatter what is compared with it. */
#define FLAG_BLOCK 16

typedef int (*turn_fn)(const struct rp_floor *floor, uint64_t number);

static int spin_until(const uint64_t *word, uint64_t value)
{
    uint64_t end = 0;
    for (;;) {
        for (int i = 0; i < LOOKS; i++) {
            if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
                return 0;
            rp_clock_relax();
        }
        uint64_t now = rp_clock_ns();
        if (end == 0)
            end = now + PATIENCE_NS;
        else if (now >= end)
            return -ETIMEDOUT;
    }
}

static void set(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static int ring(int bell)
{
    uint64_t one = 1;
    return write(bell, &one, sizeof one) == (ssize_t)sizeof one ? 0 : -errno;
}

static int await(int bell)
{
    uint64_t count;
    return read(bell, &count, sizeof count) == (ssize_t)sizeof count ? 0 : -errno;
}

static void work(uint64_t ns)
{
    uint64_t end = rp_clock_ns() + ns;
    while (rp_clock_ns() < end)
        rp_clock_relax();
}

/* ---- one turn of each side ---- */

static int flag_host(const struct rp_floor *floor, uint64_t number)
{
    set(&floor->flags->ping, number);
    return spin_until(&floor->flags->pong, number);
}

static int flag_peer(const struct rp_floor *floor, uint64_t number)
{
    int rc = spin_until(&floor->flags->ping, number);
    set(&floor->flags->pong, number);
    return rc;
}

static int bell_host(const struct rp_floor *floor, uint64_t number)
{
    (void)number;
    int rc = ring(floor->to_peer);
    return rc < 0 ? rc : await(floor->to_host);
}

static int bell_peer(const struct rp_floor *floor, uint64_t number)
{
    (void)number;
    int rc = await(floor->to_peer);
    return rc < 0 ? rc : ring(floor->to_host);
}

static int work_host(const struct rp_floor *floor, uint64_t number)
{
    set(&floor->flags->ping, number);
    return await(floor->to_host);
}

static int work_peer(const struct rp_floor *floor, uint64_t number)
{
    int rc = spin_until(&floor->flags->ping, number);
    if (rc < 0)
        return rc;
    work(floor->work_ns);
    return ring(floor->to_host);
}

/* ---- all turns ---- */

/* Inlined with its turn, so that no call through a pointer is measured. One look at the clock for `block` turns, each of which
 * is then recorded with their mean. */
static inline __attribute__((always_inline)) int host(const struct rp_floor *floor, struct rp_histogram *histogram,
                                                      turn_fn turn, unsigned block)
{
    uint64_t before = rp_clock_ns();
    for (uint64_t i = 0; i < floor->num;) {
        unsigned turns = 0;
        while (turns < block && i < floor->num) {
            int rc = turn(floor, floor->first + i);
            if (rc < 0)
                return rc;
            turns++;
            i++;
        }
        uint64_t now = rp_clock_ns();
        for (unsigned k = 0; k < turns; k++)
            rp_histogram_record(histogram, (now - before) / turns);
        before = rp_clock_ns();
    }
    return 0;
}

static inline __attribute__((always_inline)) int peer(const struct rp_floor *floor, turn_fn turn)
{
    int rc = 0;
    for (uint64_t i = 0; rc == 0 && i < floor->num; i++)
        rc = turn(floor, floor->first + i);
    return rc;
}

int rp_floor_flag(const struct rp_floor *floor, struct rp_histogram *histogram)
{
    return host(floor, histogram, flag_host, FLAG_BLOCK);
}

int rp_floor_bell(const struct rp_floor *floor, struct rp_histogram *histogram)
{
    return host(floor, histogram, bell_host, 1);
}

int rp_floor_work(const struct rp_floor *floor, struct rp_histogram *histogram)
{
    return host(floor, histogram, work_host, 1);
}

int rp_floor_flag_peer(const struct rp_floor *floor)
{
    return peer(floor, flag_peer);
}

int rp_floor_bell_peer(const struct rp_floor *floor)
{
    return peer(floor, bell_peer);
}

int rp_floor_work_peer(const struct rp_floor *floor)
{
    return peer(floor, work_peer);
}
