/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for the host: its bell, its control messages, and its end.
 */
#define _GNU_SOURCE
#include "posix.h"

#include <ecusdk/resource_table.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- bell ---- */

/* True when the bell was rung. Emptied completely: one bell stands for any number of kicks. */
static bool drain_bell(struct ecu_env *env)
{
    char bytes[256];
    bool rung = false;

    for (;;) {
        ssize_t got = env->bell_in >= 0 ? read(env->bell_in, bytes, sizeof bytes) : -1;

        if (got > 0) {
            rung = true;
            if ((size_t)got < sizeof bytes)
                return true; /* that was all: asking once more would cost each bell a second call */
        } else if (got == 0) {
            /* Closed by the host, and readable for ever. Whether the host is gone is for the control socket
             * to say. */
            close(env->bell_in);
            env->bell_in = -1;
        } else if (env->bell_in < 0 || errno != EINTR) {
            return rung;
        }
    }
}

static uint32_t look_at_vdevs(struct ecu_env *env)
{
    uint32_t changed = 0;

    for (uint32_t i = 0; i < env->num_vdevs; i++) {
        /* Acquire: behind DRIVER_OK lie ring addresses and features that the host wrote before it. */
        bool up = (__atomic_load_n(env->vdev_status[i], __ATOMIC_ACQUIRE) & ECU_STATUS_DRIVER_OK) != 0;

        if (up != env->vdev_up[i]) {
            env->vdev_up[i] = up;
            changed |= 1u << i;
        }
    }
    return changed;
}

static uint64_t all_notify_ids(const struct ecu_env *env)
{
    uint64_t ids = 0;

    for (uint32_t i = 0; i < env->num_vdevs; i++)
        if (env->vdev_up[i])
            ids |= env->vdev_notify_ids[i];
    return ids;
}

/* First the bell, then the ids: a kick between the two costs a spurious bell; the other way round it would
 * get lost. */
static void take_bell(struct ecu_env *env, struct ecu_events *fresh)
{
    if (!drain_bell(env))
        return;
    fresh->seen |= ECU_EVENT_BELL;
    fresh->notify_ids = __atomic_exchange_n(&env->page->to_core, 0, __ATOMIC_SEQ_CST);
    fresh->link_changed ^= look_at_vdevs(env);
    if (fresh->notify_ids == 0)
        fresh->notify_ids = all_notify_ids(env);
}

/* ---- control ---- */

static void take_down_vdevs(struct ecu_env *env, struct ecu_events *fresh)
{
    for (uint32_t i = 0; i < env->num_vdevs; i++) {
        if (env->vdev_up[i])
            fresh->link_changed ^= 1u << i;
        env->vdev_up[i] = false;
    }
}

static int take_step(struct ecu_env *env, const struct ecu_ctl_packet *packet, struct ecu_events *fresh)
{
    if (env->mode != ECU_CTL_VIRTUAL_TIME)
        return 0;
    if (packet->size < sizeof packet->message.time)
        return -EPROTO;
    fresh->seen |= ECU_EVENT_STEP;
    fresh->now_ns = packet->message.time.now_ns;
    __atomic_store_n(&env->virtual_now_ns, fresh->now_ns, __ATOMIC_RELAXED);
    take_bell(env, fresh);
    return 0;
}

static int take_message(struct ecu_env *env, const struct ecu_ctl_packet *packet, struct ecu_events *fresh)
{
    switch (packet->message.head.type) {
    case ECU_CTL_STEP:
        return take_step(env, packet, fresh);
    case ECU_CTL_RESET:
        take_down_vdevs(env, fresh);
        fresh->seen |= ECU_EVENT_RESET;
        return 0;
    case ECU_CTL_DETACH:
        fresh->seen |= ECU_EVENT_DETACH;
        return 0;
    case ECU_CTL_STOP:
        fresh->seen |= ECU_EVENT_STOP;
        env->stopping = true;
        return 0;
    default:
        return 0; /* of a later minor version */
    }
}

static int take_control(struct ecu_env *env, struct ecu_events *fresh)
{
    struct ecu_ctl_packet packet;
    int got = ecu_ctl_receive(env->control, &packet);

    if (got == -ENOTCONN) {
        fresh->seen |= ECU_EVENT_HANGUP;
        env->stopping = true;
        return 0;
    }
    if (got <= 0)
        return got;
    ecu_ctl_close_fds(&packet);
    return take_message(env, &packet, fresh);
}

/* ---- waiting ---- */

static int poll_until(struct pollfd *fds, nfds_t num, uint64_t deadline_ns)
{
    struct timespec left = {0, 0};
    uint64_t now = deadline_ns == UINT64_MAX ? 0 : ecu_monotonic_ns();

    if (deadline_ns > now) {
        left.tv_sec = (time_t)((deadline_ns - now) / 1000000000u);
        left.tv_nsec = (long)((deadline_ns - now) % 1000000000u);
    }
    return ppoll(fds, num, deadline_ns == UINT64_MAX ? NULL : &left, NULL);
}

/* Sleep once; what is new goes to *fresh. The bell comes before the control message, so that a RESET has the
 * last word about links. */
static int collect(struct ecu_env *env, uint64_t deadline_ns, struct ecu_events *fresh)
{
    bool virtual_time = env->mode == ECU_CTL_VIRTUAL_TIME;
    struct pollfd fds[2] = {{env->control, POLLIN, 0}, {virtual_time ? -1 : env->bell_in, POLLIN, 0}};

    memset(fresh, 0, sizeof *fresh);
    if (env->failure)
        return env->failure;
    if (poll_until(fds, 2, deadline_ns) < 0)
        return errno == EINTR ? 0 : -errno;
    if (fds[1].revents)
        take_bell(env, fresh);
    if (fds[0].revents)
        env->failure = take_control(env, fresh);
    return env->failure;
}

static void merge(struct ecu_events *into, const struct ecu_events *fresh)
{
    into->seen |= fresh->seen;
    into->notify_ids |= fresh->notify_ids;
    into->link_changed ^= fresh->link_changed; /* changed twice is not changed */
    if (fresh->seen & ECU_EVENT_STEP)
        into->now_ns = fresh->now_ns;
}

int ecu_env_wait(struct ecu_env *env, uint64_t deadline_ns, struct ecu_events *events)
{
    struct ecu_events fresh;
    bool known = env->pending.seen || env->pending.link_changed;
    int rc = collect(env, known ? 0 : deadline_ns, &fresh);

    merge(&env->pending, &fresh);
    *events = env->pending;
    memset(&env->pending, 0, sizeof env->pending);
    if (events->link_changed)
        events->seen |= ECU_EVENT_LINK;
    return rc;
}

/* The caller is inside a callback and wants a buffer: nothing will come any more when the host stops or
 * resets. */
static bool waiting_is_over(const struct ecu_env *env)
{
    if (env->stopping || env->failure || (env->pending.seen & ECU_EVENT_RESET))
        return true;
    for (uint32_t i = 0; i < env->num_vdevs; i++)
        if ((env->pending.link_changed & (1u << i)) && !env->vdev_up[i])
            return true;
    return false;
}

int ecu_env_host_wait(void *context, uint64_t deadline_ns)
{
    struct ecu_env *env = context;
    struct ecu_events fresh;

    while (!waiting_is_over(env)) {
        collect(env, deadline_ns, &fresh);
        merge(&env->pending, &fresh);
        if (waiting_is_over(env))
            break;
        if (fresh.seen & ECU_EVENT_BELL)
            return 0;
        if (deadline_ns != UINT64_MAX && ecu_monotonic_ns() >= deadline_ns)
            return -ETIMEDOUT;
    }
    return -ENOTCONN;
}
