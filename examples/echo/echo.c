/* SPDX-License-Identifier: Apache-2.0
 * The smallest useful ECU: it answers every message on channel rpmsg-echo with the same bytes. */
#include <ecusdk/resource_table.h>
#include <ecusdk/rpmsg.h>

ECU_TABLE_DEFAULT; /* a trace buffer and one rpmsg device */

struct echo {
    struct ecu_trace trace;
    struct ecu_rpmsg rpmsg;
    struct ecu_endpoint *buckets[4];
    struct ecu_endpoint service;
};

static enum ecu_rx answer(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    struct echo *echo = ept->context;

    ept->dst = msg->src; /* whoever asked last */
    if (ecu_rpmsg_send(ept, msg->data, msg->len, UINT64_MAX) < 0) /* waits for a buffer; STOP ends it */
        ecu_trace_puts(&echo->trace, "echo: an answer was lost\n");
    return ECU_RX_DONE;
}

static void *create(const struct ecu_host_ops *host, const char *instance)
{
    static struct echo echo; /* each core loads a copy of this file, so this belongs to one instance */

    (void)instance;
    return ecu_rpmsg_init(&echo.rpmsg, host, echo.buckets, 4) < 0 ? NULL : &echo;
}

static int boot(void *handle, void *table, size_t size)
{
    struct echo *echo = handle;
    int error = ecu_rpmsg_boot(&echo->rpmsg, table, size);

    if (error < 0)
        return error;
    ecu_trace_open(&echo->trace, echo->rpmsg.host, table, size);
    ecu_trace_puts(&echo->trace, "echo: booted\n");
    return ecu_rpmsg_open(&echo->rpmsg, &echo->service, "rpmsg-echo", ECU_RPMSG_ADDR_ANY, answer, echo);
}

static struct ecu_rpmsg *rpmsg(void *handle) { return &((struct echo *)handle)->rpmsg; }
static int on_link(void *handle, uint32_t vdev, int up) { return ecu_rpmsg_link(rpmsg(handle), vdev, up); }
static int on_notify(void *handle, uint32_t id) { return ecu_rpmsg_notify(rpmsg(handle), id); }
static int stop(void *handle) { (void)handle; return 0; }
static void destroy(void *handle) { (void)handle; }

const struct ecu_ops *ecu_get_ops(uint32_t host_abi)
{
    static const struct ecu_ops ops = {
        .size = sizeof ops, .abi = ECU_ABI, .name = "echo",
        .table = &ecu_resource_table, .table_size = sizeof ecu_resource_table,
        .create = create, .boot = boot, .link = on_link, .notify = on_notify,
        .stop = stop, .destroy = destroy};
    return host_abi >> 16 == ECU_ABI_MAJOR ? &ops : NULL;
}
