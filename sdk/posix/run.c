/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of an ordinary core: one thread that alone calls the ECU.
 */
#include "posix.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

struct run {
    struct ecu_env env;
    const struct ecu_ops *ops;
    void *handle;
    uint64_t next_ns; /* when the ECU wants its tick */
};

/* Tells the host why the core ends; the ECU's own return value becomes the errno. */
static int give_up(struct run *run, int rc, const char *text)
{
    ecu_env_error(&run->env, -rc, text);
    return rc;
}

static int call_failed(struct run *run, const char *call, int rc)
{
    char text[128];

    snprintf(text, sizeof text, "%s failed: %d", call, rc);
    return give_up(run, rc, text);
}

static int indexed_call_failed(struct run *run, const char *call, uint32_t index, int rc)
{
    char name[64];

    snprintf(name, sizeof name, "%s(%" PRIu32 ")", call, index);
    return call_failed(run, name, rc);
}

/* ---- start ---- */

static int check_ops(struct run *run)
{
    const struct ecu_ops *ops = run->ops;
    struct ecu_refusal why;

    if (!ops)
        ecu_refuse(&why, EPROTO, "ecu_get_ops refuses ABI %u.%u", ECU_ABI_MAJOR, ECU_ABI_MINOR);
    else if (ops->abi >> 16 != ECU_ABI_MAJOR)
        ecu_refuse(&why, EPROTO, "the ECU has ABI %" PRIu32 ".%" PRIu32 ", the host %u.%u", ops->abi >> 16,
                   ops->abi & 0xFFFF, ECU_ABI_MAJOR, ECU_ABI_MINOR);
    else if (ops->size < sizeof *ops)
        ecu_refuse(&why, EINVAL,
                   "struct ecu_ops of the ECU has %" PRIu32 " bytes, at least %zu were expected",
                   ops->size, sizeof *ops);
    else if (!ops->create || !ops->boot || !ops->link || !ops->notify || !ops->stop || !ops->destroy)
        ecu_refuse(&why, EINVAL, "struct ecu_ops of the ECU lacks a function: only tick may be NULL");
    else
        return 0;
    return give_up(run, -why.error, why.text);
}

static int start(struct run *run)
{
    char text[64];
    int rc;

    run->handle = run->ops->create(&run->env.ops, run->env.name);
    if (!run->handle)
        return give_up(run, -ENODEV, "create refused");
    rc = run->ops->boot(run->handle, run->env.table, run->env.table_size);
    if (rc < 0) {
        snprintf(text, sizeof text, "boot refused: %d", rc);
        give_up(run, rc, text);
    } else {
        rc = ecu_env_ready(&run->env);
        if (rc < 0)
            run->ops->stop(run->handle);
    }
    if (rc < 0)
        run->ops->destroy(run->handle);
    return rc;
}

/* ---- loop ---- */

static int tell_links(struct run *run, uint32_t changed)
{
    for (uint32_t i = 0; i < run->env.num_vdevs; i++) {
        if (!(changed & (1u << i)))
            continue;
        int rc = run->ops->link(run->handle, i, run->env.vdev_up[i]);

        if (rc < 0)
            return indexed_call_failed(run, "link", i, rc);
    }
    return 0;
}

static int tell_notify_ids(struct run *run, uint64_t ids)
{
    for (uint32_t id = 0; ids; id++, ids >>= 1) {
        if (!(ids & 1))
            continue;
        int rc = run->ops->notify(run->handle, id);

        if (rc < 0)
            return indexed_call_failed(run, "notify", id, rc);
    }
    return 0;
}

static int tick(struct run *run, uint64_t now_ns)
{
    int rc = 0;

    run->next_ns = UINT64_MAX;
    if (run->ops->tick)
        rc = run->ops->tick(run->handle, now_ns, &run->next_ns);
    return rc < 0 ? call_failed(run, "tick", rc) : 0;
}

static int handle_events(struct run *run, const struct ecu_events *events)
{
    int rc = tell_links(run, events->link_changed);

    if (rc == 0)
        rc = tell_notify_ids(run, events->notify_ids);
    if (rc == 0 && (events->seen & ECU_EVENT_STEP)) {
        rc = tick(run, events->now_ns);
        if (rc == 0)
            rc = ecu_env_stepped(&run->env, events->now_ns, run->next_ns);
    }
    if (rc == 0 && (events->seen & ECU_EVENT_RESET))
        rc = ecu_env_send(&run->env, ECU_CTL_RESET_DONE);
    return rc;
}

/* In real time tick is called when it is due; in virtual time a STEP calls it. */
static int tick_if_due(struct run *run)
{
    uint64_t now_ns;

    if (run->env.mode != ECU_CTL_REAL_TIME || !run->ops->tick)
        return 0;
    now_ns = ecu_monotonic_ns();
    return now_ns >= run->next_ns ? tick(run, now_ns) : 0;
}

/* Returns 0 when the host asked to stop. */
static int loop(struct run *run)
{
    bool real_time = run->env.mode == ECU_CTL_REAL_TIME && run->ops->tick;

    for (;;) {
        struct ecu_events events;
        int rc = tick_if_due(run);

        if (rc < 0)
            return rc;
        rc = ecu_env_wait(&run->env, real_time ? run->next_ns : UINT64_MAX, &events);
        if (rc < 0)
            return give_up(run, rc, "the host sent a broken control message");
        if (events.seen & ECU_EVENT_HANGUP)
            return -ENOTCONN;
        if (events.seen & ECU_EVENT_STOP)
            return 0;
        rc = handle_events(run, &events);
        if (rc < 0)
            return rc;
    }
}

static int end(struct run *run, int reason)
{
    int rc = run->ops->stop(run->handle);

    if (reason == 0) {
        if (rc < 0)
            reason = call_failed(run, "stop", rc);
        else
            reason = ecu_env_send(&run->env, ECU_CTL_STOPPED);
    }
    run->ops->destroy(run->handle);
    return reason;
}

int ecu_run(int control, const struct ecu_ops *ops, int log_fd)
{
    struct run run = {.ops = ops};
    int rc = ecu_env_open(&run.env, control);

    if (rc < 0) {
        close(control);
        return rc;
    }
    run.env.log_fd = log_fd;
    rc = check_ops(&run);
    if (rc == 0)
        rc = start(&run);
    if (rc >= 0)
        rc = end(&run, loop(&run));
    ecu_env_close(&run.env);
    return rc;
}
