/* SPDX-License-Identifier: Apache-2.0
 *
 * A lock for a few hundred instructions: one exchange takes it, a plain store gives it back. Who finds it taken looks again for
 * some microseconds and then naps, because the holder may have lost its CPU; so nobody needs to be woken, and giving back
 * costs no second locked instruction.
 */
#ifndef RP_LOCK_H
#define RP_LOCK_H

#include <stdint.h>
#include <time.h>

#define RP_LOCK_TRIES 128
#define RP_LOCK_NAP_NS 50000

struct rp_lock {
    uint32_t taken;
};

static inline void rp_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

static inline void rp_nap(long ns)
{
    struct timespec pause = {.tv_nsec = ns};
    nanosleep(&pause, NULL);
}

/* The rare part of rp_lock. */
static inline void rp_lock_wait(struct rp_lock *lock)
{
    int tries = 0;
    do {
        if (tries++ < RP_LOCK_TRIES)
            rp_relax();
        else
            rp_nap(RP_LOCK_NAP_NS);
    } while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE) != 0);
}

static inline void rp_lock(struct rp_lock *lock)
{
    if (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE) != 0)
        rp_lock_wait(lock);
}

static inline void rp_unlock(struct rp_lock *lock)
{
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

#endif
