/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints: addresses, lookup and the name service's side of opening and closing.
 */
#include "rpmsg_private.h"

#include "memory.h"

static struct ecu_endpoint **bucket_of(const struct ecu_rpmsg *rp, uint32_t addr)
{
    return &rp->buckets[addr & (rp->num_buckets - 1)];
}

/* Lowest free one, as Linux's idr_alloc. Cannot run out: every endpoint needs storage of its own. */
static uint32_t free_addr(const struct ecu_rpmsg *rp)
{
    uint32_t addr = ECU_RPMSG_ADDR_DYNAMIC;

    while (addr != ECU_RPMSG_ADDR_ANY && ecu_priv_find(rp, addr) != NULL)
        addr++;
    return addr;
}

/* Linux: struct rpmsg_ns_msg, sent from the announced address itself. */
static int send_ns(const struct ecu_endpoint *ept, uint32_t flags)
{
    struct ecu_rpmsg_ns ns = {.addr = ept->addr, .flags = flags};

    memcpy(ns.name, ept->name, sizeof ns.name);
    return ecu_priv_send(ept->rpmsg, ept->addr, ECU_RPMSG_ADDR_NS, &ns, sizeof ns);
}

static bool wants_announcement(const struct ecu_endpoint *ept)
{
    return ept->name[0] != '\0' && !ept->announced;
}

static int announce_one(struct ecu_endpoint *ept)
{
    int rc = send_ns(ept, 0);

    if (rc == -ECU_ENOMEM) {
        /* Ask for a bell first and look again then: a buffer that came in between is not missed. */
        ecu_device_listen(&ept->rpmsg->tx);
        rc = send_ns(ept, 0);
    }
    ept->announced = rc == 0;
    return rc;
}

int ecu_priv_announce(struct ecu_rpmsg *rp)
{
    uint32_t missing = 0;

    if (!rp->has_ns)
        return 0;
    for (uint32_t i = 0; i < rp->num_buckets; i++) {
        for (struct ecu_endpoint *ept = rp->buckets[i]; ept != NULL; ept = ept->next) {
            int rc = 0;

            if (!wants_announcement(ept))
                continue;
            rc = missing == 0 ? announce_one(ept) : -ECU_ENOMEM;
            if (rc == -ECU_ENOMEM || rc == -ECU_EMSGSIZE) /* a host with tiny buffers harms only itself */
                missing++;
            else if (rc != 0)
                return rc;
        }
    }
    rp->num_unannounced = missing;
    if (missing == 0)
        ecu_device_quiet(&rp->tx);
    return 0;
}

void ecu_priv_forget_peer(struct ecu_rpmsg *rp)
{
    rp->num_unannounced = 0;
    for (uint32_t i = 0; i < rp->num_buckets; i++) {
        for (struct ecu_endpoint *ept = rp->buckets[i]; ept != NULL; ept = ept->next) {
            ept->announced = false;
            if (ept->learned)
                ept->dst = ECU_RPMSG_ADDR_ANY;
            ept->learned = false;
        }
    }
}

/* Copies at most 31 characters; false when there are more. */
static bool copy_name(char *to, const char *name)
{
    uint32_t length = 0;

    memset(to, 0, ECU_RPMSG_NAME_SIZE);
    for (; name != NULL && name[length] != '\0'; length++) {
        if (length == ECU_RPMSG_NAME_SIZE - 1)
            return false;
        to[length] = name[length];
    }
    return true;
}

int ecu_rpmsg_open(struct ecu_rpmsg *rp, struct ecu_endpoint *ept, const char *name, uint32_t addr,
                   ecu_rx_fn on_message, void *context)
{
    struct ecu_endpoint **bucket;
    int rc;

    *ept = (struct ecu_endpoint){
        .addr = addr == ECU_RPMSG_ADDR_ANY ? free_addr(rp) : addr,
        .dst = ECU_RPMSG_ADDR_ANY,
        .on_message = on_message,
        .context = context,
    };
    if (!copy_name(ept->name, name) || ept->addr == ECU_RPMSG_ADDR_ANY)
        return -ECU_EINVAL;
    if (ecu_priv_find(rp, ept->addr) != NULL)
        return -ECU_EADDRINUSE;
    ept->rpmsg = rp;
    if (rp->up && rp->has_ns && ept->name[0] != '\0') {
        rc = send_ns(ept, 0);
        if (rc != 0) {
            ept->rpmsg = NULL;
            return rc;
        }
        ept->announced = true;
    }
    bucket = bucket_of(rp, ept->addr);
    ept->next = *bucket;
    *bucket = ept;
    rp->num_endpoints++;
    return 0;
}

static bool unlink_endpoint(struct ecu_endpoint *ept)
{
    struct ecu_endpoint **at = bucket_of(ept->rpmsg, ept->addr);

    while (*at != NULL && *at != ept)
        at = &(*at)->next;
    if (*at == NULL)
        return false;
    *at = ept->next;
    return true;
}

int ecu_rpmsg_close(struct ecu_endpoint *ept)
{
    struct ecu_rpmsg *rp = ept->rpmsg;
    int rc = 0;

    if (rp == NULL || !unlink_endpoint(ept))
        return -ECU_EINVAL;
    rp->num_endpoints--;
    if (ept->announced)
        rc = send_ns(ept, ECU_RPMSG_NS_DESTROY);
    else if (rp->num_unannounced > 0 && wants_announcement(ept))
        rp->num_unannounced--;
    ept->rpmsg = NULL;
    ept->announced = false;
    return rc;
}
