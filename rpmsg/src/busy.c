/* SPDX-License-Identifier: Apache-2.0
 *
 * Who owns the receive ring, and death.
 *
 * Lost wake-ups are excluded by pairs of store, full fence, load:
 *   G1  here: notifications on | used.idx        core: used.idx | notification flag     (inside ecu_driver_listen)
 *   G2  here: BUSY off         | used.idx        answerer of a bell: has seen used.idx move | a failed bus_try
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "rp_futex.h"

#include <unistd.h>

#define NAP_NS 20000

bool bus_is_dead(const struct rp_bus *bus)
{
    return __atomic_load_n(&bus->state, __ATOMIC_SEQ_CST) & BUS_DEAD;
}

static void nap(void)
{
    struct timespec pause = {.tv_nsec = NAP_NS};
    nanosleep(&pause, NULL);
}

bool bus_try(struct rp_bus *bus)
{
    uint32_t state = __atomic_load_n(&bus->state, __ATOMIC_SEQ_CST);
    while (!(state & (BUS_BUSY | BUS_DEAD)))
        if (__atomic_compare_exchange_n(&bus->state, &state, state | BUS_BUSY, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    return false;
}

/* For the rare callers that must have the ring, or know that nobody has it: opening, closing, giving a buffer back. */
bool bus_acquire(struct rp_bus *bus)
{
    while (!bus_try(bus)) {
        /* Also of a dead bus somebody may still be at the ring: wait until that is over. */
        if (__atomic_load_n(&bus->state, __ATOMIC_ACQUIRE) == BUS_DEAD)
            return false;
        nap();
    }
    return true;
}

void bus_wait_for_guard(struct rp_bus *bus)
{
    while (__atomic_load_n(&bus->guard_taken, __ATOMIC_SEQ_CST))
        nap();
}

void bus_release(struct rp_bus *bus)
{
    struct ecu_driver *rx = bus->config.rx;
    for (int turn = 0;; turn++) {
        if (bus->quiet) {
            bus->quiet = false;
            ecu_driver_listen(rx); /* G1; what it finds is found again below */
        }
        uint16_t last_used = rx->last_used;
        /* LEAVING, because the ring's memory may go as soon as a stop finds nobody there. */
        __atomic_fetch_add(&bus->state, BUS_LEAVING - BUS_BUSY, __ATOMIC_SEQ_CST);
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* G2 */
        bool moved = ecu_driver_moved(rx, last_used);
        __atomic_fetch_sub(&bus->state, BUS_LEAVING, __ATOMIC_RELEASE);
        if (!moved)
            return;
        /* A peer that never pauses must not keep this thread for ever. */
        if (turn > 0) {
            bus_ring_service(bus);
            return;
        }
        if (!bus_try(bus))
            return;
        bus_pump(bus, NULL);
    }
}

/* Called with the lifeline's lock or BUSY or tx_lock held, so it only marks and wakes. */
void bus_mark_dead(struct rp_bus *bus)
{
    if (__atomic_fetch_or(&bus->state, BUS_DEAD, __ATOMIC_SEQ_CST) & BUS_DEAD)
        return;
    bus_kill_endpoints(bus);
    bus_wake_senders(bus);
    bus_notice(bus);
}

/* Only the owner of the ring may read its `broken`; the copy in the statistics is for everybody. */
void bus_mark_broken(struct rp_bus *bus, const struct ecu_driver *ring)
{
    __atomic_store_n(&bus->stats.broken, (uint32_t)ring->broken, __ATOMIC_RELAXED);
    bus_mark_dead(bus);
}

void bus_notice(struct rp_bus *bus)
{
    uint64_t one = 1;
    ssize_t ignored = write(bus->notice, &one, sizeof one);
    (void)ignored;
}
