/* SPDX-License-Identifier: Apache-2.0
 *
 * From the table to the link. The host can change the table while it is read: each word is loaded once, then
 * checked.
 */
#include "rpmsg_private.h"

#include "memory.h"

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
    rp->corked = false;
    rp->tx_window = rp->rx_window = (struct ecu_window){0};
    ecu_priv_forget_peer(rp);
}

static int link_up(struct ecu_rpmsg *rp)
{
    int rc = map_ring(rp, RPMSG_RING_TX, &rp->tx);
    uint32_t features;

    if (rc == 0)
        rc = map_ring(rp, RPMSG_RING_RX, &rp->rx);
    if (rc != 0)
        return rc;
    features = shared_any_load32(rp->vdev + VDEV_GFEATURES);
    rp->has_ns = (features >> ECU_RPMSG_F_NS & 1u) != 0;
    if ((features >> ECU_RING_F_EVENT_IDX & 1u) != 0) {
        ecu_device_use_event_idx(&rp->tx);
        ecu_device_use_event_idx(&rp->rx);
    }
    rp->epoch++;
    rp->up = true;
    /* Empty buffers are wanted only by a sender that ran out of them, and that one asks. */
    ecu_device_quiet(&rp->tx);
    if (rp->polling)
        ecu_device_quiet(&rp->rx);
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
