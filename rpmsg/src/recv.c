/* SPDX-License-Identifier: Apache-2.0
 *
 * Receive: take what is queued, else pump, else spin, else sleep, as the guard if there is none, else as a follower.
 *
 * Invariants:
 *  1. Only the BUSY thread touches rx and delivers; BUSY is never held across a sleep, and at most for the spin budget and a
 *     ring.
 *  2. At most one guard among the threads; the service thread stands behind it.
 *  3. A thread that slept as guard may have been given a bell that was meant for everybody: before it leaves it has had the ring
 *     looked at.
 *  4. Sleepers register under the endpoint's lock after seeing its inbox empty. Then they have the ring looked at once more, and
 *     whoever does that lets go of it with bells on, since it sees that somebody sleeps.
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "ring_hot.h"
#include "rp_futex.h"
#include "rp_service.h"

#include <sys/epoll.h>

/* Messages from the inbox; 0 none; -EBADF, -EPIPE. "Gone" comes after the last message, like an end of file: it is set under the
 * lock, and what was delivered before is in the inbox then. */
static int take(struct rp_endpoint *ept, struct rp_slot *slot)
{
    int rc;
    rp_lock(&ept->lock);
    uint32_t room = slot->stride - (uint32_t)sizeof(struct rp_record);
    uint32_t over = endpoint_over(ept);
    bool had = ept->inbox.num > 0;
    while (!(over & ENDPOINT_CLOSED) && ept->inbox.num > 0 && slot->count < slot->max) {
        struct rp_record *record = (struct rp_record *)(void *)(slot->records + (size_t)slot->count++ * slot->stride);
        record->len = rp_inbox_pop(&ept->inbox, &record->src, record + 1, room);
    }
    if (had && ept->inbox.num == 0 && over == 0)
        endpoint_tell_event(ept, false);
    if (over & ENDPOINT_CLOSED)
        rc = -EBADF;
    else if (slot->count > 0)
        rc = (int)slot->count;
    else
        rc = over ? -EPIPE : 0;
    rp_unlock(&ept->lock);
    return rc;
}

/* The same without the lock where there is nothing to take, which is the rule while the thread that receives also pumps. */
static inline int take_queued(struct rp_endpoint *ept, struct rp_slot *slot)
{
    return rp_inbox_num(&ept->inbox) == 0 && endpoint_over(ept) == 0 ? 0 : take(ept, slot);
}

static bool wait_pending(struct rp_bus *bus, const struct rp_endpoint *ept, uint64_t end)
{
    do {
        for (int i = 0; i < 16; i++) {
            if (ecu_driver_pending(bus->config.rx))
                return true;
            rp_relax();
        }
        if (endpoint_over(ept) != 0 || bus_is_dead(bus))
            return false;
    } while (rp_now_ns() < end);
    return false;
}

/* With BUSY, bells off. Ends with the first message for slot, or when the budget is used up. */
static void spin(struct rp_bus *bus, struct rp_slot *slot)
{
    uint64_t end = rp_now_ns() + bus->config.spin_ns;
    if (ring_driver_listens(bus->config.rx))
        ecu_driver_quiet(bus->config.rx);
    while (slot->count == 0 && wait_pending(bus, slot->ept, end))
        bus_pump(bus, slot);
    bus_spun(&bus->rx_spin, slot->count > 0);
}

static int sleep_as_guard(struct rp_bus *bus, struct rp_endpoint *ept, uint64_t deadline_ns)
{
    struct epoll_event ready[2];
    uint64_t now = deadline_ns == RP_FOREVER ? 0 : rp_now_ns();
    struct timespec left = rp_timespec(deadline_ns > now ? deadline_ns - now : 0);
    int num = epoll_pwait2(bus->guard_epoll, ready, 2, deadline_ns == RP_FOREVER ? NULL : &left, NULL);
    int rc = num < 0 ? -errno : 0;
    bus_answer_bell(bus);
    for (int i = 0; i < num; i++)
        if (ready[i].data.u32 == GUARD_BELL)
            bus_count_guard_bell(bus);
    rp_lock(&ept->lock);
    ept->guarding = false;
    rp_unlock(&ept->lock);
    return rc;
}

static int sleep_as_follower(struct rp_endpoint *ept, uint32_t seen, uint64_t deadline_ns)
{
    int rc = rp_futex_wait(&ept->sequence, seen, deadline_ns);
    rp_lock(&ept->lock);
    ept->followers--;
    if (ept->wakes > 0)
        ept->wakes--;
    rp_unlock(&ept->lock);
    return rc == -EINTR ? rc : 0;
}

/* Invariant 4. True when this endpoint has nothing yet, and *seen is what its futex said then. */
static bool lie_down(struct rp_bus *bus, struct rp_endpoint *ept, bool guard, uint32_t *seen)
{
    rp_lock(&ept->lock);
    /* A stop waits for the guard it sees; one that comes later sees that the bus is dead. */
    bool idle = ept->inbox.num == 0 && endpoint_over(ept) == 0 && !bus_is_dead(bus);
    *seen = ept->sequence;
    if (idle && guard)
        ept->guarding = true;
    else if (idle)
        ept->followers++;
    rp_unlock(&ept->lock);
    if (idle)
        bus_look(bus);
    return idle;
}

/* 0 or why it could not sleep, such as -EINTR; *owed when a bell may have come to us. */
static int sleep_until(struct rp_bus *bus, struct rp_endpoint *ept, uint64_t deadline_ns, bool *owed)
{
    uint32_t seen;
    int rc = 0;
    bool guard = !__atomic_exchange_n(&bus->guard_taken, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&bus->listeners, 1, __ATOMIC_SEQ_CST);
    bus_end_lease(bus);
    if (lie_down(bus, ept, guard, &seen)) {
        *owed = guard;
        rc = guard ? sleep_as_guard(bus, ept, deadline_ns) : sleep_as_follower(ept, seen, deadline_ns);
    }
    __atomic_fetch_sub(&bus->listeners, 1, __ATOMIC_SEQ_CST);
    if (guard)
        __atomic_store_n(&bus->guard_taken, 0, __ATOMIC_SEQ_CST);
    return rc;
}

/* 0: it may sleep. */
static int why_not_sleep(const struct rp_slot *slot)
{
    if (slot->deadline_ns == 0)
        return -EAGAIN;
    if (slot->deadline_ns != RP_FOREVER && rp_now_ns() >= slot->deadline_ns)
        return -ETIMEDOUT;
    return slot->may_sleep ? 0 : -EINPROGRESS;
}

int rp_recv(struct rp_slot *slot)
{
    struct rp_endpoint *ept = slot->ept;
    struct rp_bus *bus = ept->bus;
    bool spins = slot->deadline_ns != 0 && !slot->spun;
    bool owed = false; /* invariant 3 */
    int rc;
    slot->count = 0;
    slot->borrowed = NULL;
    slot->spun = false;
    if (rp_forked())
        return -ECHILD;
    STAT_ADD(bus->receives, 1);
    while ((rc = take_queued(ept, slot)) == 0) {
        if (bus_try(bus)) {
            bus_pump(bus, slot);
            if (slot->count == 0 && spins && bus_worth_spinning(bus, &bus->rx_spin))
                spin(bus, slot);
            bus_release(bus);
            owed = false;
            rc = slot->count > 0 ? (int)slot->count : take_queued(ept, slot); /* what came in between, or death */
            if (rc != 0)
                break;
        }
        rc = why_not_sleep(slot);
        if (rc == 0)
            rc = sleep_until(bus, ept, slot->deadline_ns, &owed);
        if (rc < 0) {
            /* A message that woke us in the same instant woke nobody else: it comes before the signal. */
            int taken = take_queued(ept, slot);
            rc = taken != 0 ? taken : rc;
            slot->spun = rc == -EINPROGRESS || rc == -EINTR;
            break;
        }
        spins = false;
    }
    if (owed)
        bus_look(bus);
    return rc;
}

void rp_release(struct rp_bus *bus, uint32_t buffer)
{
    __atomic_fetch_sub(&bus->stats.held, 1, __ATOMIC_RELAXED);
    if (rp_forked() || !bus_acquire(bus))
        return;
    if (buffer < bus->config.num_rx && bus->config.rx->slots[buffer].parts == 0)
        ring_driver_show(bus->config.rx, buffer);
    bus_release(bus);
}
