/* SPDX-License-Identifier: Apache-2.0
 *
 * Receive: take what is queued, else pump, else spin, else sleep, as the guard if there is none, else as a follower.
 *
 * Invariants:
 *  1. Only the BUSY thread touches rx and delivers; BUSY is never held across a sleep, and at most for the spin budget and a
 *     ring.
 *  2. At most one guard among the threads; the service thread stands behind it.
 *  3. A thread that slept as guard may have been given a bell that was meant for everybody: before it leaves it has pumped, or has
 *     the service thread look.
 *  4. Sleepers register under the endpoint's lock after seeing its inbox empty.
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "rp_futex.h"
#include "rp_service.h"

#include <sys/epoll.h>

#define SCORE_MAX 16
#define SCORE_LOSS 4
#define PROBE_MIN 16u
#define PROBE_MAX 512u

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

/* Messages from the inbox; 0 none; -EBADF, -EPIPE. "Gone" comes after the last message, like an end of file. */
static int take(struct rp_endpoint *ept, struct rp_slot *slot)
{
    int rc;
    bool dead = bus_is_dead(ept->bus); /* asked first: what was delivered before death is then in the inbox */
    pthread_mutex_lock(&ept->lock);
    uint32_t room = slot->stride - (uint32_t)sizeof(struct rp_record);
    bool had = ept->inbox.num > 0;
    while (!endpoint_is_closed(ept) && ept->inbox.num > 0 && slot->count < slot->max) {
        struct rp_record *record = (struct rp_record *)(void *)(slot->records + (size_t)slot->count++ * slot->stride);
        record->len = rp_inbox_pop(&ept->inbox, &record->src, record + 1, room);
    }
    if (had && ept->inbox.num == 0 && !ept->dead)
        endpoint_tell_event(ept, false);
    if (endpoint_is_closed(ept))
        rc = -EBADF;
    else if (slot->count > 0)
        rc = (int)slot->count;
    else
        rc = dead || ept->dead ? -EPIPE : 0;
    pthread_mutex_unlock(&ept->lock);
    return rc;
}

/* Spin only while it pays: a success fills the score, a failure empties it; an empty one is probed now and then. */
static bool worth_spinning(struct rp_bus *bus)
{
    if (bus->config.spin_ns == 0)
        return false;
    if (bus->score > 0)
        return true;
    uint32_t rest = PROBE_MIN << (-bus->score / SCORE_LOSS);
    if (++bus->skipped < (rest < PROBE_MAX ? rest : PROBE_MAX))
        return false;
    bus->skipped = 0;
    return true;
}

static void keep_score(struct rp_bus *bus, bool success)
{
    if (success)
        bus->score = SCORE_MAX;
    else if (bus->score > -5 * SCORE_LOSS)
        bus->score -= SCORE_LOSS;
}

static bool wait_pending(struct rp_bus *bus, const struct rp_endpoint *ept, uint64_t end)
{
    do {
        for (int i = 0; i < 16; i++) {
            if (ecu_driver_pending(bus->config.rx))
                return true;
            relax();
        }
        if (endpoint_is_closed(ept) || bus_is_dead(bus))
            return false;
    } while (rp_now_ns() < end);
    return false;
}

/* With BUSY, bells off. Ends with the first message for slot, or when the budget is used up. */
static void spin(struct rp_bus *bus, struct rp_slot *slot)
{
    uint64_t end = rp_now_ns() + bus->config.spin_ns;
    bus->quiet = true;
    ecu_driver_quiet(bus->config.rx);
    while (slot->count == 0 && wait_pending(bus, slot->ept, end))
        bus_pump(bus, slot);
    keep_score(bus, slot->count > 0);
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
    pthread_mutex_lock(&ept->lock);
    ept->guarding = false;
    pthread_mutex_unlock(&ept->lock);
    return rc;
}

static int sleep_as_follower(struct rp_endpoint *ept, uint32_t seen, uint64_t deadline_ns)
{
    int rc = rp_futex_wait(&ept->sequence, seen, deadline_ns);
    pthread_mutex_lock(&ept->lock);
    ept->followers--;
    if (ept->wakes > 0)
        ept->wakes--;
    pthread_mutex_unlock(&ept->lock);
    return rc == -EINTR ? rc : 0;
}

/* 0 or why it could not sleep, such as -EINTR; *guarded when a bell may have come to us. */
static int sleep_until(struct rp_bus *bus, struct rp_endpoint *ept, uint64_t deadline_ns, bool *guarded)
{
    int rc = 0;
    bool guard = !__atomic_exchange_n(&bus->guard_taken, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&ept->lock);
    /* A stop waits for the guard it sees; one that comes later sees that the bus is dead. */
    bool idle = ept->inbox.num == 0 && !endpoint_is_closed(ept) && !ept->dead && !bus_is_dead(bus);
    uint32_t seen = ept->sequence;
    if (idle && guard)
        ept->guarding = true;
    else if (idle)
        ept->followers++;
    pthread_mutex_unlock(&ept->lock);
    if (idle && guard) {
        *guarded = true;
        rc = sleep_as_guard(bus, ept, deadline_ns);
    } else if (idle) {
        rc = sleep_as_follower(ept, seen, deadline_ns);
    }
    if (guard)
        __atomic_store_n(&bus->guard_taken, 0, __ATOMIC_SEQ_CST);
    return rc;
}

int rp_recv(struct rp_slot *slot)
{
    struct rp_endpoint *ept = slot->ept;
    struct rp_bus *bus = ept->bus;
    bool owed = false; /* invariant 3 */
    int rc;
    slot->count = 0;
    slot->borrowed = NULL;
    if (rp_forked())
        return -ECHILD;
    for (;;) {
        rc = take(ept, slot);
        if (rc != 0)
            break;
        if (bus_try(bus)) {
            bus_pump(bus, slot);
            if (slot->count == 0 && slot->deadline_ns != 0 && worth_spinning(bus))
                spin(bus, slot);
            bus_release(bus);
            owed = false;
            if (slot->count > 0)
                return (int)slot->count;
            rc = take(ept, slot); /* what came in between, or death */
            if (rc != 0)
                break;
        }
        rc = slot->deadline_ns == 0 ? -EAGAIN : -ETIMEDOUT;
        if (slot->deadline_ns != RP_FOREVER && rp_now_ns() >= slot->deadline_ns)
            break;
        rc = -EINPROGRESS;
        if (!slot->may_sleep)
            break;
        rc = sleep_until(bus, ept, slot->deadline_ns, &owed);
        if (rc < 0) {
            /* A message that woke us in the same instant woke nobody else: it comes before the signal. */
            int taken = take(ept, slot);
            rc = taken != 0 ? taken : rc;
            break;
        }
    }
    if (owed)
        bus_ring_service(bus);
    return rc;
}

void rp_release(struct rp_bus *bus, uint32_t buffer)
{
    __atomic_fetch_sub(&bus->stats.held, 1, __ATOMIC_RELAXED);
    if (rp_forked() || !bus_acquire(bus))
        return;
    if (bus_post_rx(bus, buffer) >= 0)
        bus_publish_rx(bus);
    bus_release(bus);
}
