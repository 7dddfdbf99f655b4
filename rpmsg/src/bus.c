/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a bus: made over two rings, started before DRIVER_OK, stopped once.
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "ring_hot.h"
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
    int fds[] = {bus->guard_epoll, bus->nudge, bus->service_event, bus->timer, bus->lease_timer, bus->notice};
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
    bus->lease_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct epoll_event nudge = {.events = EPOLLIN | EPOLLET, .data.u32 = GUARD_NUDGE};
    return bus->guard_epoll >= 0 && bus->nudge >= 0 && bus->service_event >= 0 && bus->notice >= 0 &&
           bus->timer >= 0 && bus->lease_timer >= 0 && epoll_ctl(bus->guard_epoll, EPOLL_CTL_ADD, bus->nudge, &nudge) == 0;
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
    if (bus->mtu > RP_MTU_MAX)
        bus->mtu = RP_MTU_MAX;
    bus->rx_spin.score = bus->tx_spin.score = 1;
    bus->references = bus->listeners = 1; /* no lease */
    pthread_mutex_init(&bus->table_lock, NULL);
    bus->tx_spare = calloc(config->num_tx, sizeof *bus->tx_spare);
    bus->tx_lent = calloc(config->num_tx, sizeof *bus->tx_lent);
    bool opened = open_all(bus);
    if (!opened || !bus->tx_spare || !bus->tx_lent) {
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

/* Descriptor i for buffer i, for good: so neither side has to write down which belongs to which. */
static int reserve(struct ecu_driver *queue, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++)
        if (queue->num_free == 0 || ring_driver_grab(queue) != i)
            return -EINVAL;
    return 0;
}

static void post_all(struct rp_bus *bus)
{
    const struct rp_bus_config *config = &bus->config;
    for (uint32_t i = 0; i < config->num_rx; i++)
        ring_driver_offer(config->rx, i, config->buffers_da + (uint64_t)i * config->buffer_size, config->buffer_size, true);
    ecu_driver_publish(config->rx);
    /* Handed out in ascending order, as Linux does. */
    for (uint32_t i = config->num_tx; i > 0; i--)
        bus->tx_spare[bus->num_spare++] = (uint16_t)(i - 1);
}

int rp_bus_start(struct rp_bus *bus)
{
    int rc = reserve(bus->config.rx, bus->config.num_rx);
    if (rc == 0)
        rc = reserve(bus->config.tx, bus->config.num_tx);
    if (rc < 0)
        return rc;
    post_all(bus);
    ecu_driver_quiet(bus->config.tx);
    rc = bus_join_service(bus);
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
    bus_kill_endpoints(bus); /* whoever marked the bus dead may still be at it, and senders look at their endpoint alone */
    rp_lock(&bus->tx_lock);
    rp_unlock(&bus->tx_lock);
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
    free(bus->tx_spare);
    free(bus->tx_lent);
    rp_table_free(&bus->table);
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
