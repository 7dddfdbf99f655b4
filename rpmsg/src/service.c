/* SPDX-License-Identifier: Apache-2.0
 *
 * The bus in the service thread: the guard when no thread sleeps in rp_recv. It answers the doorbell, so that queueing, the name
 * service and blocked senders go on, and it listens less to a core that rings for nothing.
 *
 * A program that receives without ever sleeping needs no bells, and each one costs the core a system call and us a wake-up. So
 * when they come thick and fast for such a program, it gets a *lease*: bells stay off between its calls, and this thread looks at
 * the ring by a timer instead, for everybody else's messages. The lease ends when a period passes without a call, and when a
 * thread goes to sleep.
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "rp_futex.h"
#include "rp_service.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define STORM_BELLS 1000u  /* bells in a row without any progress that are a storm */
#define STORM_AGAIN 16u    /* the same for a core that stormed before */
#define STORM_PAUSE_NS 10000000u

#define LEASE_NS 2000000u      /* how long a message can lie in the ring unseen */
#define NEEDLESS_BELLS 8u      /* in a row, before there is a lease */
#define NEEDLESS_WITHIN_NS 500000u

#define BELL_EVENTS (EPOLLIN | EPOLLET | EPOLLEXCLUSIVE)

static void on_bell(void *context, uint32_t events);

void bus_answer_bell(struct rp_bus *bus)
{
    /* Taken before the rings are looked at: a core that finds its bit still set does not ring again. */
    rp_bells_take(bus->config.bells);
    __atomic_fetch_add(&bus->stats.bells, 1, __ATOMIC_RELAXED);
    bus_wake_senders(bus);
}

void bus_ring_service(struct rp_bus *bus)
{
    uint64_t one = 1;
    ssize_t ignored = write(bus->service_event, &one, sizeof one);
    (void)ignored;
}

static uint64_t progress(const struct rp_bus *bus)
{
    return __atomic_load_n(&bus->stats.rx_messages, __ATOMIC_RELAXED) +
           __atomic_load_n(&bus->tx_messages, __ATOMIC_RELAXED);
}

static void listen_later(struct rp_bus *bus)
{
    struct itimerspec pause = {.it_value = rp_timespec(STORM_PAUSE_NS)};
    timerfd_settime(bus->timer, 0, &pause, NULL);
}

/* ---- lease ---- */

static void set_lease_timer(struct rp_bus *bus, uint64_t period_ns)
{
    struct itimerspec period = {.it_value = rp_timespec(period_ns), .it_interval = rp_timespec(period_ns)};
    timerfd_settime(bus->lease_timer, 0, &period, NULL);
}

/* Whether rp_recv was called since we asked last. */
static bool program_receives(struct rp_bus *bus)
{
    uint32_t receives = STAT_GET(bus->receives);
    bool moved = receives != bus->receives_seen;
    bus->receives_seen = receives;
    return moved;
}

/* At a bell. Nobody needs it whose thread is awake. */
static void consider_lease(struct rp_bus *bus)
{
    uint64_t now = rp_now_ns();
    bool soon = now - bus->last_bell_ns < NEEDLESS_WITHIN_NS;
    bool awake = STAT_GET(bus->listeners) == 1 && program_receives(bus);
    bus->last_bell_ns = now;
    bus->needless = soon && awake ? bus->needless + 1 : 0;
    if (bus->needless < NEEDLESS_BELLS || STAT_GET(bus->leased))
        return;
    set_lease_timer(bus, LEASE_NS);
    __atomic_store_n(&bus->leased, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_sub(&bus->listeners, 1, __ATOMIC_SEQ_CST);
}

void bus_end_lease(struct rp_bus *bus)
{
    if (STAT_GET(bus->leased) && __atomic_exchange_n(&bus->leased, 0, __ATOMIC_SEQ_CST))
        __atomic_fetch_add(&bus->listeners, 1, __ATOMIC_SEQ_CST);
}

static void drain(int fd)
{
    uint64_t count;
    ssize_t ignored = read(fd, &count, sizeof count);
    (void)ignored;
}

static void on_lease(void *context, uint32_t events)
{
    struct rp_bus *bus = context;
    (void)events;
    drain(bus->lease_timer);
    if (!program_receives(bus) || !STAT_GET(bus->leased)) {
        bus_end_lease(bus);
        set_lease_timer(bus, 0);
    }
    bus_look(bus);
}

/* ---- bells ---- */

static void look(struct rp_bus *bus)
{
    bus_answer_bell(bus);
    bus_look(bus);
}

/* The guard's entry comes first in the doorbell's wait queue: the kernel wakes the service thread only when no thread sleeps
 * there. */
static int listen_to_bell(struct rp_bus *bus)
{
    int event = bus->config.bells->event;
    struct epoll_event bell = {.events = BELL_EVENTS, .data.u32 = GUARD_BELL};
    if (epoll_ctl(bus->guard_epoll, EPOLL_CTL_ADD, event, &bell) < 0)
        return -errno;
    int rc = rp_service_add(event, BELL_EVENTS, on_bell, bus, &bus->bell_token);
    if (rc < 0)
        epoll_ctl(bus->guard_epoll, EPOLL_CTL_DEL, event, NULL);
    return rc;
}

static void ignore_bell(struct rp_bus *bus)
{
    rp_service_remove(bus->bell_token);
    epoll_ctl(bus->guard_epoll, EPOLL_CTL_DEL, bus->config.bells->event, NULL);
}

/* The caller looks at the rings afterwards: a bell that was on its way is answered by nobody else. */
static void throttle(struct rp_bus *bus)
{
    __atomic_store_n(&bus->throttled, true, __ATOMIC_RELAXED);
    __atomic_store_n(&bus->fruitless, 0, __ATOMIC_RELAXED);
    ignore_bell(bus);
    listen_later(bus);
    rp_bus_violation(bus, ECU_RULE_BELL_STORM);
}

/* True when it is one too many without any progress. */
static bool count_bell(struct rp_bus *bus)
{
    uint64_t now = progress(bus);
    if (__atomic_exchange_n(&bus->progress, now, __ATOMIC_RELAXED) != now) {
        __atomic_store_n(&bus->fruitless, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&bus->throttled, false, __ATOMIC_RELAXED);
        return false;
    }
    __atomic_fetch_add(&bus->stats.empty_bells, 1, __ATOMIC_RELAXED);
    uint32_t limit = __atomic_load_n(&bus->throttled, __ATOMIC_RELAXED) ? STORM_AGAIN : STORM_BELLS;
    return __atomic_add_fetch(&bus->fruitless, 1, __ATOMIC_RELAXED) >= limit;
}

/* The service thread alone adds and removes bells, so that the timer never finds one that is there already. */
void bus_count_guard_bell(struct rp_bus *bus)
{
    if (!count_bell(bus))
        return;
    __atomic_store_n(&bus->storm, true, __ATOMIC_RELAXED);
    bus_ring_service(bus);
}

static void on_bell(void *context, uint32_t events)
{
    struct rp_bus *bus = context;
    (void)events;
    consider_lease(bus);
    look(bus);
    if (count_bell(bus)) {
        throttle(bus);
        look(bus);
    }
}

static void on_timer(void *context, uint32_t events)
{
    struct rp_bus *bus = context;
    (void)events;
    drain(bus->timer);
    if (bus_is_dead(bus))
        return;
    if (listen_to_bell(bus) < 0)
        listen_later(bus); /* no memory now: meanwhile this timer is the bell */
    look(bus);
}

static void on_service_event(void *context, uint32_t events)
{
    struct rp_bus *bus = context;
    (void)events;
    drain(bus->service_event);
    if (__atomic_exchange_n(&bus->storm, false, __ATOMIC_RELAXED) && !bus_is_dead(bus))
        throttle(bus);
    look(bus);
}

int bus_join_service(struct rp_bus *bus)
{
    int rc = rp_service_add(bus->service_event, EPOLLIN, on_service_event, bus, &bus->service_token);
    if (rc < 0)
        return rc;
    rc = rp_service_add(bus->timer, EPOLLIN, on_timer, bus, &bus->timer_token);
    if (rc == 0)
        rc = rp_service_add(bus->lease_timer, EPOLLIN, on_lease, bus, &bus->lease_token);
    if (rc == 0)
        rc = listen_to_bell(bus);
    if (rc < 0)
        bus_leave_service(bus);
    return rc;
}

/* What adds the bell again goes before the bell. */
void bus_leave_service(struct rp_bus *bus)
{
    rp_service_remove(bus->timer_token);
    rp_service_remove(bus->lease_token);
    rp_service_remove(bus->service_token);
    ignore_bell(bus);
}
