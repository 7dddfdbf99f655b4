// SPDX-License-Identifier: Apache-2.0
// A door: does what it is told on channel "door", and answers in which state it is.
#include <string.h>

#include <ecusdk/resource_table.h>
#include <ecusdk/rpmsg.h>

ECU_TABLE_DEFAULT; /* a trace buffer and one rpmsg device */

struct door {
    struct ecu_trace trace;
    struct ecu_rpmsg rpmsg;
    struct ecu_endpoint *buckets[4];
    struct ecu_endpoint service;
    const char *state;
};

static int says(const struct ecu_message *msg, const char *word)
{
    return msg->len == strlen(word) && memcmp(msg->data, word, msg->len) == 0;
}

static enum ecu_rx on_message(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    struct door *door = ept->context;

    if (says(msg, "open"))
        door->state = "open";
    else if (says(msg, "close"))
        door->state = "closed";
    else
        ecu_trace_puts(&door->trace, "door: nobody taught me that\n");
    ecu_rpmsg_trysendto(ept, msg->src, door->state, strlen(door->state));
    return ECU_RX_DONE;
}

static void *create(const struct ecu_host_ops *host, const char *instance)
{
    static struct door door; /* each core loads a copy of this file */

    (void)instance;
    return ecu_rpmsg_init(&door.rpmsg, host, door.buckets, 4) < 0 ? NULL : &door;
}

static int boot(void *handle, void *table, size_t size)
{
    struct door *door = handle;
    int error = ecu_rpmsg_boot(&door->rpmsg, table, size);

    if (error < 0)
        return error;
    door->state = "closed";
    ecu_trace_open(&door->trace, door->rpmsg.host, table, size);
    ecu_trace_puts(&door->trace, "door: closed\n");
    return ecu_rpmsg_open(&door->rpmsg, &door->service, "door", ECU_RPMSG_ADDR_ANY, on_message, door);
}

static struct ecu_rpmsg *rpmsg(void *handle) { return &((struct door *)handle)->rpmsg; }
static int on_link(void *handle, uint32_t vdev, int up) { return ecu_rpmsg_link(rpmsg(handle), vdev, up); }
static int on_notify(void *handle, uint32_t id) { return ecu_rpmsg_notify(rpmsg(handle), id); }
static int stop(void *handle) { (void)handle; return 0; }
static void destroy(void *handle) { (void)handle; }

const struct ecu_ops *ecu_get_ops(uint32_t host_abi)
{
    static const struct ecu_ops ops = {
        .size = sizeof ops, .abi = ECU_ABI, .name = "door",
        .table = &ecu_resource_table, .table_size = sizeof ecu_resource_table,
        .create = create, .boot = boot, .link = on_link, .notify = on_notify,
        .stop = stop, .destroy = destroy};
    return host_abi >> 16 == ECU_ABI_MAJOR ? &ops : NULL;
}
