/* SPDX-License-Identifier: Apache-2.0
 *
 * Link and receive. The host can change the table and the rings while they are read: each word is loaded
 * once, then checked.
 */
#include "rpmsg_private.h"

#include "memory.h"
#include "shared.h"

#include <ecusdk/errno.h>

/* Resource table: Linux, struct resource_table, fw_rsc_hdr + fw_rsc_vdev, fw_rsc_vdev_vring. Offsets, not
 * structures: the table is packed and may lie at any address. */
enum {
    TABLE_VERSION = 0,
    TABLE_NUM = 4,
    TABLE_RESERVED = 8,
    TABLE_OFFSETS = 16,

    ENTRY_TYPE = 0,
    ENTRY_TYPE_VDEV = 3,

    VDEV_ID = 4,
    VDEV_GFEATURES = 16,
    VDEV_CONFIG_LEN = 20,
    VDEV_NUM_VRINGS = 25,
    VDEV_VRINGS = 28,

    VRING_DA = 0,
    VRING_ALIGN = 4,
    VRING_NUM = 8,
    VRING_NOTIFY_ID = 12,
    VRING_BYTES = 20,

    NUM_RINGS = 2
};

int ecu_rpmsg_init(struct ecu_rpmsg *rp, const struct ecu_host_ops *host, struct ecu_endpoint **buckets,
                   uint32_t num_buckets)
{
    if (host == NULL || host->kick == NULL || host->da_to_va == NULL)
        return -ECU_EINVAL;
    if (buckets == NULL || num_buckets == 0 || (num_buckets & (num_buckets - 1)) != 0)
        return -ECU_EINVAL;
    memset(rp, 0, sizeof *rp);
    rp->host = host;
    rp->buckets = buckets;
    rp->num_buckets = num_buckets;
    for (uint32_t i = 0; i < num_buckets; i++)
        buckets[i] = NULL;
    return 0;
}

/* ---- resource table ---- */

static bool vdev_fits(const uint8_t *entry, size_t room)
{
    uint64_t needed = VDEV_VRINGS;

    if (room < needed)
        return false;
    needed += (uint64_t)VRING_BYTES * shared_any_load8(entry + VDEV_NUM_VRINGS);
    needed += shared_any_load32(entry + VDEV_CONFIG_LEN);
    return needed <= room;
}

static bool header_ok(const uint8_t *table, size_t size)
{
    return table != NULL && size >= TABLE_OFFSETS && shared_any_load32(table + TABLE_VERSION) == 1 &&
           shared_any_load32(table + TABLE_RESERVED) == 0 &&
           shared_any_load32(table + TABLE_RESERVED + 4) == 0;
}

int ecu_rpmsg_boot(struct ecu_rpmsg *rp, void *loaded_table, size_t table_size)
{
    uint8_t *table = loaded_table;
    uint32_t num, vdev_index = 0;

    rp->vdev = NULL;
    if (!header_ok(table, table_size))
        return -ECU_EINVAL;
    num = shared_any_load32(table + TABLE_NUM);
    if (num > (table_size - TABLE_OFFSETS) / 4)
        return -ECU_EINVAL;
    for (uint32_t i = 0; i < num; i++) {
        uint32_t offset = shared_any_load32(table + TABLE_OFFSETS + (size_t)i * 4);
        uint8_t *entry = table + offset;

        if (offset < TABLE_OFFSETS || offset > table_size - 4)
            return -ECU_EINVAL;
        if (shared_any_load32(entry + ENTRY_TYPE) != ENTRY_TYPE_VDEV)
            continue;
        if (!vdev_fits(entry, table_size - offset))
            return -ECU_EINVAL;
        if (shared_any_load32(entry + VDEV_ID) == ECU_VIRTIO_ID_RPMSG) {
            /* Checked for two rings and never more are used: what the host later writes into the count
             * does not matter. */
            if (table_size - offset < VDEV_VRINGS + NUM_RINGS * VRING_BYTES)
                return -ECU_EINVAL;
            if (shared_any_load8(entry + VDEV_NUM_VRINGS) != NUM_RINGS)
                return -ECU_EINVAL;
            rp->vdev = entry;
            rp->vdev_index = vdev_index;
            return 0;
        }
        vdev_index++;
    }
    return -ECU_ENODEV;
}

/* ---- link ---- */

static int map_ring(struct ecu_rpmsg *rp, size_t index, struct ecu_device *ring)
{
    const uint8_t *entry = rp->vdev + VDEV_VRINGS + index * VRING_BYTES;
    uint32_t da = shared_any_load32(entry + VRING_DA);
    uint32_t align = shared_any_load32(entry + VRING_ALIGN);
    uint32_t num = shared_any_load32(entry + VRING_NUM);
    size_t size = ecu_vring_size(num, align);
    struct ecu_vring vring;
    void *base;

    rp->notify_id[index] = shared_any_load32(entry + VRING_NOTIFY_ID);
    if (size == 0)
        return -ECU_EINVAL;
    base = rp->host->da_to_va(rp->host->context, da, size);
    if (base == NULL || ecu_vring_map(&vring, base, size, num, align) != 0)
        return -ECU_EINVAL;
    return ecu_device_init(ring, &vring);
}

static void link_down(struct ecu_rpmsg *rp)
{
    rp->up = false;
    rp->has_ns = false;
    rp->num_spare = 0;
    rp->num_borrowed = 0;
    rp->num_held = 0;
    rp->tx_size = 0;
    rp->tx_unkicked = false;
    ecu_priv_forget_peer(rp);
}

static int link_up(struct ecu_rpmsg *rp)
{
    int rc = map_ring(rp, RPMSG_RING_TX, &rp->tx);

    if (rc == 0)
        rc = map_ring(rp, RPMSG_RING_RX, &rp->rx);
    if (rc != 0)
        return rc;
    rp->has_ns = (shared_any_load32(rp->vdev + VDEV_GFEATURES) >> ECU_RPMSG_F_NS & 1u) != 0;
    rp->epoch++;
    rp->up = true;
    /* Empty buffers are wanted only by a sender that ran out of them, and that one asks. */
    ecu_device_quiet(&rp->tx);
    rc = ecu_priv_prefetch(rp);
    if (rc == 0) {
        rp->batching = true;
        rc = ecu_priv_announce(rp);
        rp->batching = false;
        ecu_priv_flush(rp);
    }
    if (rc != 0)
        link_down(rp);
    return rc;
}

int ecu_rpmsg_link(struct ecu_rpmsg *rp, uint32_t vdev, int up)
{
    if (rp->vdev == NULL || vdev != rp->vdev_index)
        return 0;
    if (rp->up)
        link_down(rp);
    return up ? link_up(rp) : 0;
}

/* ---- receive ---- */

uint8_t *ecu_priv_buffer(struct ecu_rpmsg *rp, struct ecu_device *ring, const struct ecu_buffer *part)
{
    uint8_t *buffer = rp->host->da_to_va(rp->host->context, part->da, part->len);

    if (buffer == NULL)
        ecu_device_break(ring, ECU_RULE_DESC_DA);
    return buffer;
}

static void flush_ring(struct ecu_rpmsg *rp, struct ecu_device *ring, uint32_t notify_id)
{
    ecu_device_publish(ring);
    if (ecu_device_needs_kick(ring))
        rp->host->kick(rp->host->context, notify_id);
}

void ecu_priv_flush(struct ecu_rpmsg *rp)
{
    if (rp->rx.used_published != rp->rx.used_idx)
        flush_ring(rp, &rp->rx, rp->notify_id[RPMSG_RING_RX]);
    if (rp->tx_unkicked) {
        rp->tx_unkicked = false;
        flush_ring(rp, &rp->tx, rp->notify_id[RPMSG_RING_TX]);
    }
}

/* Hand one message to its endpoint; DONE when the buffer can go back. */
static enum ecu_rx deliver(struct ecu_rpmsg *rp, uint32_t dst, const struct ecu_message *msg)
{
    struct ecu_endpoint *ept = ecu_priv_find(rp, dst);

    if (ept == NULL) {
        rp->no_recipient++;
        return ECU_RX_DONE;
    }
    if (ept->dst == ECU_RPMSG_ADDR_ANY && msg->src != ECU_RPMSG_ADDR_ANY) {
        ept->dst = msg->src;
        ept->learned = true;
    }
    if (ept->on_message == NULL)
        return ECU_RX_DONE;
    if (ept->on_message(ept, msg) != ECU_RX_HOLD)
        return ECU_RX_DONE;
    rp->num_held++;
    return ECU_RX_HOLD;
}

/* -EIO when the buffer is outside memory. The direction is not looked at: rpmsg-lite marks its transmit
 * buffers device-writable. */
static int receive_one(struct ecu_rpmsg *rp, uint16_t id, const struct ecu_buffer *part)
{
    enum ecu_rule rule = ECU_RULE_NONE;
    struct ecu_message msg = {.id = id, .epoch = rp->epoch};
    const uint8_t *buffer;
    uint32_t dst;

    if (part->len < RPMSG_HDR_BYTES) {
        rule = ECU_RULE_MSG_SHORT;
    } else {
        buffer = ecu_priv_buffer(rp, &rp->rx, part);
        if (buffer == NULL)
            return -ECU_EIO;
        dst = shared_any_load32(buffer + offsetof(struct ecu_rpmsg_hdr, dst));
        msg.src = shared_any_load32(buffer + offsetof(struct ecu_rpmsg_hdr, src));
        msg.len = shared_any_load16(buffer + offsetof(struct ecu_rpmsg_hdr, len));
        msg.data = buffer + RPMSG_HDR_BYTES;
        if (msg.len > part->len - RPMSG_HDR_BYTES)
            rule = ECU_RULE_MSG_LEN;
        else if (deliver(rp, dst, &msg) == ECU_RX_HOLD)
            return 0;
    }
    if (rule != ECU_RULE_NONE)
        rp->violations[rule]++;
    ecu_device_give(&rp->rx, id, 0);
    return 0;
}

static int receive_all(struct ecu_rpmsg *rp)
{
    struct ecu_buffer part;
    struct ecu_chain chain;
    uint32_t count = 0;
    int rc = 0;

    /* One ring of messages is all that can have been there when the bell rang; for anything newer the host
     * rings again. A host that refills while we drain cannot keep us here. */
    while (count < rp->rx.ring.num) {
        rc = ecu_device_take(&rp->rx, &chain, &part, 1);
        if (rc <= 0)
            break;
        rc = receive_one(rp, chain.id, &part);
        if (rc < 0)
            break;
        count++;
    }
    return rc < 0 ? rc : (int)count;
}

int ecu_rpmsg_notify(struct ecu_rpmsg *rp, uint32_t notify_id)
{
    int rc = 0;

    if (!rp->up || (notify_id != rp->notify_id[RPMSG_RING_TX] && notify_id != rp->notify_id[RPMSG_RING_RX]))
        return 0;
    rp->batching = true;
    if (rp->num_unannounced > 0)
        rc = ecu_priv_announce(rp);
    if (rc == 0)
        rc = receive_all(rp);
    rp->batching = false;
    ecu_priv_flush(rp);
    return rp->tx.broken != ECU_RULE_NONE ? -ECU_EIO : rc;
}

bool ecu_rpmsg_pending(const struct ecu_rpmsg *rp)
{
    return rp->up && ecu_device_pending(&rp->rx);
}

int ecu_rpmsg_release(struct ecu_rpmsg *rp, const struct ecu_message *msg)
{
    if (!rp->up || msg->epoch != rp->epoch || rp->num_held == 0)
        return -ECU_EINVAL;
    rp->num_held--;
    ecu_device_give(&rp->rx, msg->id, 0);
    if (!rp->batching)
        ecu_priv_flush(rp);
    return rp->rx.broken != ECU_RULE_NONE ? -ECU_EIO : 0;
}
