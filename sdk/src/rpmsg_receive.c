/* SPDX-License-Identifier: Apache-2.0
 *
 * From ring 1 to the endpoints. The host can change descriptors and buffers while they are read: each word is
 * loaded once, then checked.
 */
#include "rpmsg_private.h"

/* A stretch of memory is translated by one addition, so as much of it as da_to_va knows is taken at once: a power
 * of two times the part, upwards. */
uint8_t *ecu_priv_move_window(struct ecu_rpmsg *rp, struct ecu_window *window, struct ecu_device *ring, uint64_t da,
                              uint32_t len)
{
    const struct ecu_host_ops *host = rp->host;
    uint8_t *va = host->da_to_va(host->context, da, len);
    size_t size = len;

    if (va == NULL) {
        ecu_device_break(ring, ECU_RULE_DESC_DA);
        return NULL;
    }
    while (size != 0 && size <= SIZE_MAX / 2 && host->da_to_va(host->context, da, 2 * size) == va)
        size *= 2;
    *window = (struct ecu_window){da, size, va};
    return va;
}

static inline void flush(struct ecu_rpmsg *rp)
{
    ring_device_publish(&rp->rx);
    ring_device_publish(&rp->tx);
    if (rp->rx.num_unkicked == 0 && rp->tx.num_unkicked == 0)
        return;
    shared_full_fence(); /* F2 of both rings */
    if (rp->rx.num_unkicked > 0 && ring_device_wants_kick(&rp->rx))
        rp->host->kick(rp->host->context, rp->notify_id[RPMSG_RING_RX]);
    if (rp->tx.num_unkicked > 0 && ring_device_wants_kick(&rp->tx))
        rp->host->kick(rp->host->context, rp->notify_id[RPMSG_RING_TX]);
}

void ecu_priv_flush(struct ecu_rpmsg *rp)
{
    flush(rp);
}

/* Hand one message to its endpoint; DONE when the buffer can go back. */
static inline enum ecu_rx deliver(struct ecu_rpmsg *rp, uint32_t dst, const struct ecu_message *msg)
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

/* HOLD when the buffer stays with the ECU. The direction is not looked at: rpmsg-lite marks its transmit buffers
 * device-writable. */
static inline enum ecu_rx receive_one(struct ecu_rpmsg *rp, uint16_t id, uint32_t size, const uint8_t *buffer)
{
    struct ecu_message msg = {.data = buffer + RPMSG_HDR_BYTES, .id = id, .epoch = rp->epoch};
    uint32_t dst = shared_any_load32(buffer + offsetof(struct ecu_rpmsg_hdr, dst));

    msg.src = shared_any_load32(buffer + offsetof(struct ecu_rpmsg_hdr, src));
    msg.len = shared_any_load16(buffer + offsetof(struct ecu_rpmsg_hdr, len));
    if (msg.len > size - RPMSG_HDR_BYTES) {
        rp->violations[ECU_RULE_MSG_LEN]++;
        return ECU_RX_DONE;
    }
    return deliver(rp, dst, &msg);
}

/* Receive up to `end`, in terms of avail.idx: 0, RING_NOTHING when no more is there, -EIO. Buffers go back four times a
 * ring: a host that polls and sends without pause would find none otherwise. */
static inline int receive_until(struct ecu_rpmsg *rp, uint16_t end)
{
    struct ecu_device *rx = &rp->rx;
    uint32_t quarter = rx->ring.num / 4; /* a power of two, or 0 */

    while (rx->last_avail != end) {
        struct ecu_buffer part;
        enum ecu_rx kept = ECU_RX_DONE;
        int id = ring_device_take(rx, &part);

        if (id < 0)
            return id;
        if (part.len < RPMSG_HDR_BYTES) {
            rp->violations[ECU_RULE_MSG_SHORT]++;
        } else {
            const uint8_t *buffer = ecu_priv_buffer(rp, &rp->rx_window, rx, &part);

            if (buffer == NULL)
                return -ECU_EIO;
            kept = receive_one(rp, (uint16_t)id, part.len, buffer);
        }
        if (kept == ECU_RX_HOLD)
            continue;
        ring_device_give(rx, (uint32_t)id, 0);
        if ((rx->used_idx & (quarter - 1)) == 0)
            ring_device_publish(rx);
    }
    return 0;
}

/* One ring of messages is all that can have been there when the bell rang; for anything newer the host rings
 * again, so one that refills while we drain cannot keep us here.
 *
 * With EVENT_IDX it rings only when asked anew after each bell. It is asked first for what lies behind this ring of
 * messages, since nothing there can have been published yet; when we come to the end of what is there, for the next
 * message, and then we look at the ring once more. */
static inline int receive_all(struct ecu_rpmsg *rp)
{
    struct ecu_device *rx = &rp->rx;
    bool asks = rx->event_idx && !rp->polling;
    int rc;

    for (;;) {
        uint16_t end = (uint16_t)(rx->last_avail + rx->ring.num);

        if (asks)
            ring_device_ask(rx, end);
        rc = receive_until(rp, end);
        if (!asks || rc != RING_NOTHING)
            return rc;
        ring_device_ask(rx, rx->last_avail);
        ring_device_publish(rx); /* under the same fence */
        shared_full_fence();     /* F1 */
        if (!ecu_device_pending(rx))
            return rc;
    }
}

int ecu_rpmsg_notify(struct ecu_rpmsg *rp, uint32_t notify_id)
{
    uint16_t first = rp->rx.last_avail;
    int rc = 0;

    if (!rp->up || (notify_id != rp->notify_id[RPMSG_RING_TX] && notify_id != rp->notify_id[RPMSG_RING_RX]))
        return 0;
    rp->batching = true;
    if (rp->num_unannounced > 0)
        rc = ecu_priv_announce(rp);
    if (rc == 0)
        rc = receive_all(rp);
    rp->batching = false;
    flush(rp);
    if (rc == -ECU_EIO || rp->tx.broken != ECU_RULE_NONE)
        return -ECU_EIO;
    return (uint16_t)(rp->rx.last_avail - first);
}

bool ecu_rpmsg_pending(const struct ecu_rpmsg *rp)
{
    return rp->up && ecu_device_pending(&rp->rx);
}

bool ecu_rpmsg_poll(struct ecu_rpmsg *rp, bool on)
{
    rp->polling = on;
    if (!rp->up)
        return false;
    if (!on)
        return ecu_device_listen(&rp->rx);
    ecu_device_quiet(&rp->rx);
    return false;
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
