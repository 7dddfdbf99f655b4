/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a bus: made over two rings, started before DRIVER_OK, stopped once.
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "rp_service.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENT_FLAGS (EFD_CLOEXEC | EFD_NONBLOCK)

static void close_all(struct rp_bus *bus)
{
    int fds[] = {bus->guard_epoll, bus->nudge, bus->service_event, bus->timer, bus->notice};
    for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static bool open_all(struct rp_bus *bus)
{
    bus->guard_epoll = epoll_create1(EPOLL_CLOEXEC);
    bus->nudge = eventfd(0, EVENT_FLAGS);
    bus->service_event = eventfd(0, EVENT_FLAGS);
    bus->notice = eventfd(0, EVENT_FLAGS);
    bus->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event nudge = {.events = EPOLLIN | EPOLLET, .data.u32 = GUARD_NUDGE};
    return bus->guard_epoll >= 0 && bus->nudge >= 0 && bus->service_event >= 0 && bus->notice >= 0 &&
           bus->timer >= 0 && epoll_ctl(bus->guard_epoll, EPOLL_CTL_ADD, bus->nudge, &nudge) == 0;
}

/* On a single CPU the peer cannot run while we spin. */
static uint64_t spin_budget(uint64_t spin_ns)
{
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) < 2)
        return 0;
    return spin_ns;
}

struct rp_bus *rp_bus_new(const struct rp_bus_config *config)
{
    struct rp_bus *bus = aligned_alloc(64, sizeof *bus);
    if (!bus)
        return NULL;
    memset(bus, 0, sizeof *bus);
    bus->config = *config;
    bus->config.spin_ns = spin_budget(config->spin_ns);
    bus->mtu = config->buffer_size - (uint32_t)sizeof(struct ecu_rpmsg_hdr);
    if (bus->mtu > UINT16_MAX) /* the header's len has 16 bits */
        bus->mtu = UINT16_MAX;
    bus->score = 1;
    bus->references = 1;
    pthread_mutex_init(&bus->table_lock, NULL);
    pthread_mutex_init(&bus->tx_lock, NULL);
    bus->rx_buffer = calloc(config->rx->ring.num, sizeof *bus->rx_buffer);
    bus->tx_buffer = calloc(config->tx->ring.num, sizeof *bus->tx_buffer);
    bool opened = open_all(bus);
    if (!opened || !bus->rx_buffer || !bus->tx_buffer) {
        rp_bus_free(bus);
        return NULL;
    }
    return bus;
}

/* What the core sent before it went is still received: a process may answer and exit in one breath. */
static void cut(void *context)
{
    struct rp_bus *bus = context;
    bool busy = bus_acquire(bus);
    if (busy)
        bus_pump(bus, NULL);
    bus_mark_dead(bus);
    if (busy)
        bus_release(bus);
}

int rp_bus_start(struct rp_bus *bus)
{
    for (uint32_t i = 0; i < bus->config.num_rx; i++) {
        int id = bus_post_rx(bus, i);
        if (id < 0)
            return id;
    }
    ecu_driver_publish(bus->config.rx);
    ecu_driver_quiet(bus->config.tx);
    int rc = bus_join_service(bus);
    if (rc < 0)
        return rc;
    bus->started = true;
    return rp_lifeline_subscribe(bus->config.lifeline, cut, bus);
}

void rp_bus_stop(struct rp_bus *bus)
{
    if (rp_forked()) /* eventfds are shared with the parent, whose waiters must not be told */
        return;
    bus_mark_dead(bus);
    if (!bus->started)
        return;
    bus->started = false;
    rp_lifeline_unsubscribe(bus->config.lifeline, bus);
    bus_leave_service(bus);
    /* Grace: whoever was at a ring or a bell before it died is done when all owners have been seen idle. */
    bus_acquire(bus);
    bus_wait_for_guard(bus);
    pthread_mutex_lock(&bus->tx_lock);
    pthread_mutex_unlock(&bus->tx_lock);
}

void bus_get(struct rp_bus *bus)
{
    __atomic_fetch_add(&bus->references, 1, __ATOMIC_RELAXED);
}

void rp_bus_free(struct rp_bus *bus)
{
    rp_bus_stop(bus);
    bus_put(bus);
}

void bus_put(struct rp_bus *bus)
{
    if (__atomic_sub_fetch(&bus->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    close_all(bus);
    pthread_mutex_destroy(&bus->table_lock);
    pthread_mutex_destroy(&bus->tx_lock);
    free(bus->rx_buffer);
    free(bus->tx_buffer);
    free(bus->dynamic);
    free(bus);
}

int rp_bus_notice_fd(const struct rp_bus *bus)
{
    return bus->notice;
}

void rp_bus_violation(struct rp_bus *bus, uint32_t rule)
{
    if (rp_forked())
        return;
    if (rule < ECU_RULE_COUNT)
        __atomic_fetch_add(&bus->stats.violations[rule], 1, __ATOMIC_RELAXED);
    bus_notice(bus);
}

/* Each figure is whole; together they are of slightly different times. */
void rp_bus_stats(struct rp_bus *bus, struct rp_bus_stats *out)
{
    const struct rp_bus_stats *stats = &bus->stats;
#define COPY(field) out->field = __atomic_load_n(&stats->field, __ATOMIC_RELAXED)
    COPY(rx_messages);
    COPY(rx_bytes);
    COPY(no_recipient);
    COPY(inbox_full);
    COPY(bells);
    COPY(empty_bells);
    COPY(broken);
    COPY(held);
    COPY(bad_used_len);
    COPY(bad_len);
    COPY(stray_src);
    COPY(stray_dst);
    for (unsigned i = 0; i < ECU_RULE_COUNT; i++)
        COPY(violations[i]);
#undef COPY
    out->tx_messages = __atomic_load_n(&bus->tx_messages, __ATOMIC_RELAXED);
    out->tx_bytes = __atomic_load_n(&bus->tx_bytes, __ATOMIC_RELAXED);
    out->kicks = __atomic_load_n(&bus->config.bells->kicks, __ATOMIC_RELAXED);
    out->dead = bus_is_dead(bus);
}
