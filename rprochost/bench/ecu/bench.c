/* SPDX-License-Identifier: Apache-2.0
 *
 * The ECU that is measured. Its host says how it behaves:
 *
 *   bench-echo     answers with the same bytes, after `work_ns` of work; asleep between messages, or polling for them
 *   bench-sink     takes messages, and says so once the number asked for has come
 *   bench-control  takes struct command and answers with the same bytes once it is in force
 *
 * A core that polls does so from the first bell on until nothing has come for a while: between two measurements it is asleep.
 */
#include <ecusdk/errno.h>
#include <ecusdk/resource_table.h>
#include <ecusdk/rpmsg.h>

#include <string.h>

#ifndef BENCH_RING
#define BENCH_RING 256
#endif

ECU_TABLE_STANDARD(BENCH_RING, 16);

#define IDLE_NS UINT64_C(500000)    /* without a message, then a polling core goes to sleep */
#define SLICE_NS UINT64_C(10000000) /* between two questions whether the host wants it to stop */
#define LOOKS 64                    /* at the ring, between two looks at the clock */
#define PAYLOAD_MAX 65520u

enum op {
    OP_BEHAVE = 1, /* work_ns; polling: value != 0 */
    OP_FLOOD,      /* send `num` messages of `size` bytes to `value` addresses from `first` on, `batch` to each in turn */
    OP_SINK        /* answer when bench-sink has taken `num` messages from now on */
};

struct command {
    uint32_t op;
    uint32_t value;
    uint32_t size;
    uint32_t first;
    uint32_t batch;
    uint32_t reserved;
    uint64_t num;
    uint64_t work_ns;
};

struct bench {
    struct ecu_rpmsg rpmsg;
    struct ecu_endpoint *buckets[8];
    struct ecu_endpoint echo;
    struct ecu_endpoint sink;
    struct ecu_endpoint control;
    struct command behaviour;
    struct command flood;
    uint32_t next; /* whose turn it is in a flood */
    struct command sinking;
    uint32_t sink_reply;
    uint8_t payload[PAYLOAD_MAX];
};

static uint64_t now_ns(const struct bench *bench)
{
    return bench->rpmsg.host->now_ns(bench->rpmsg.host->context);
}

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

/* ---- messages ---- */

static enum ecu_rx on_echo(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    struct bench *bench = ept->context;

    if (bench->behaviour.work_ns > 0) {
        uint64_t end = now_ns(bench) + bench->behaviour.work_ns;

        while (now_ns(bench) < end)
            relax();
    }
    ept->dst = msg->src;
    ecu_rpmsg_send(ept, msg->data, msg->len, UINT64_MAX);
    return ECU_RX_DONE;
}

static enum ecu_rx on_sink(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    struct bench *bench = ept->context;

    (void)msg;
    if (bench->sinking.num > 0 && --bench->sinking.num == 0) {
        bench->control.dst = bench->sink_reply;
        ecu_rpmsg_send(&bench->control, &bench->sinking, sizeof bench->sinking, UINT64_MAX);
    }
    return ECU_RX_DONE;
}

static enum ecu_rx on_control(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    struct bench *bench = ept->context;
    struct command command;

    if (msg->len != sizeof command)
        return ECU_RX_DONE;
    memcpy(&command, msg->data, sizeof command);
    ept->dst = msg->src;
    if (command.op == OP_SINK) {
        bench->sinking = command;
        bench->sink_reply = msg->src;
        return ECU_RX_DONE; /* answered when they have come */
    }
    if (command.op == OP_BEHAVE) {
        bench->behaviour = command;
    } else if (command.op == OP_FLOOD && command.size <= PAYLOAD_MAX && command.value > 0 && command.batch > 0) {
        bench->flood = command;
        bench->next = 0;
    } else {
        return ECU_RX_DONE;
    }
    ecu_rpmsg_send(ept, &command, sizeof command, UINT64_MAX);
    return ECU_RX_DONE;
}

/* ---- polling ---- */

/* One batch for the address whose turn it is; true when something was sent. */
static bool flood(struct bench *bench)
{
    struct command *left = &bench->flood;
    uint64_t batch = left->num < left->batch ? left->num : left->batch;
    uint64_t sent = 0;

    ecu_rpmsg_cork(&bench->rpmsg);
    while (sent < batch &&
           ecu_rpmsg_trysendto(&bench->echo, left->first + bench->next, bench->payload, left->size) == 0)
        sent++;
    ecu_rpmsg_uncork(&bench->rpmsg);
    left->num -= sent;
    if (sent > 0)
        bench->next = bench->next + 1 < left->value ? bench->next + 1 : 0;
    return sent > 0;
}

/* One look at everything: 1 when something was done, 0, negative errno. */
static int look(struct bench *bench, uint32_t notify_id)
{
    int rc = 0;

    if (ecu_rpmsg_pending(&bench->rpmsg))
        rc = ecu_rpmsg_notify(&bench->rpmsg, notify_id);
    if (rc >= 0 && bench->flood.num > 0 && flood(bench))
        rc = 1;
    return rc;
}

/* LOOKS looks: 1 when one of them found something, 0, negative errno. */
static int look_often(struct bench *bench, uint32_t notify_id)
{
    int busy = 0;

    for (int i = 0; i < LOOKS; i++) {
        int rc = look(bench, notify_id);

        if (rc < 0)
            return rc;
        if (rc > 0)
            busy = 1;
        else
            relax();
    }
    return busy;
}

/* The one place where a core hears of STOP inside a callback; a bell that came stays noted. */
static bool must_stop(struct bench *bench)
{
    const struct ecu_host_ops *host = bench->rpmsg.host;

    return host->wait(host->context, now_ns(bench)) == -ECU_ENOTCONN;
}

/* Until nothing came for IDLE_NS and nothing is left to send: 1; 0 when the host wants the core to stop. */
static int poll_until_idle(struct bench *bench, uint32_t notify_id)
{
    uint64_t last = now_ns(bench); /* something was done */
    uint64_t asked = last;

    for (;;) {
        int busy = look_often(bench, notify_id);
        uint64_t now = now_ns(bench);

        if (busy < 0)
            return busy;
        if (busy > 0 || bench->flood.num > 0)
            last = now;
        if (now - last >= IDLE_NS)
            return 1;
        if (now - asked >= SLICE_NS) {
            asked = now;
            if (must_stop(bench))
                return 0;
        }
    }
}

/* Bells are off while the core polls, and what came before they were on again is worked off first. */
static int poll_rings(struct bench *bench, uint32_t notify_id)
{
    int rc;

    do {
        ecu_rpmsg_poll(&bench->rpmsg, true);
        rc = poll_until_idle(bench, notify_id);
    } while (ecu_rpmsg_poll(&bench->rpmsg, false) && rc > 0);
    return rc;
}

static int on_notify(void *handle, uint32_t id)
{
    struct bench *bench = handle;
    int rc = ecu_rpmsg_notify(&bench->rpmsg, id);

    if (rc < 0 || !bench->rpmsg.up || (bench->behaviour.value == 0 && bench->flood.num == 0))
        return rc;
    return poll_rings(bench, id);
}

/* ---- life ---- */

static void *create(const struct ecu_host_ops *host, const char *instance)
{
    static struct bench bench;

    (void)instance;
    return ecu_rpmsg_init(&bench.rpmsg, host, bench.buckets, 8) < 0 ? NULL : &bench;
}

static int boot(void *handle, void *table, size_t size)
{
    struct bench *bench = handle;
    struct ecu_rpmsg *rp = &bench->rpmsg;
    int rc = ecu_rpmsg_boot(rp, table, size);

    if (rc == 0)
        rc = ecu_rpmsg_open(rp, &bench->echo, "bench-echo", ECU_RPMSG_ADDR_ANY, on_echo, bench);
    if (rc == 0)
        rc = ecu_rpmsg_open(rp, &bench->sink, "bench-sink", ECU_RPMSG_ADDR_ANY, on_sink, bench);
    if (rc == 0)
        rc = ecu_rpmsg_open(rp, &bench->control, "bench-control", ECU_RPMSG_ADDR_ANY, on_control, bench);
    return rc;
}

static int on_link(void *handle, uint32_t vdev, int up)
{
    return ecu_rpmsg_link(&((struct bench *)handle)->rpmsg, vdev, up);
}

static int stop(void *handle)
{
    (void)handle;
    return 0;
}

static void destroy(void *handle)
{
    (void)handle;
}

const struct ecu_ops *ecu_get_ops(uint32_t host_abi)
{
    static const struct ecu_ops ops = {
        .size = sizeof ops,
        .abi = ECU_ABI,
        .name = "bench",
        .table = &ecu_resource_table,
        .table_size = sizeof ecu_resource_table,
        .create = create,
        .boot = boot,
        .link = on_link,
        .notify = on_notify,
        .stop = stop,
        .destroy = destroy,
    };
    return host_abi >> 16 == ECU_ABI_MAJOR ? &ops : NULL;
}
