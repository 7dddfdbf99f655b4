/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending: take an empty buffer from ring 0, fill it, give it back. A buffer that was taken and not sent
 * stays in `spare`, private, and is the next one used; ring entries cannot be put back.
 */
#include "rpmsg_private.h"

#include "memory.h"

/* Published at once, for a host that polls; the bell waits for the end of a batch. Outside of one ring 1 has nothing
 * to show. */
static inline void return_staged(struct ecu_rpmsg *rp)
{
    if (rp->corked)
        return;
    ring_device_publish(&rp->tx);
    if (rp->batching)
        return;
    shared_full_fence(); /* F2 */
    if (ring_device_wants_kick(&rp->tx))
        rp->host->kick(rp->host->context, rp->notify_id[RPMSG_RING_TX]);
}

static inline enum ecu_rule check_part(const struct ecu_buffer *part)
{
    if (!part->device_writes)
        return ECU_RULE_MSG_DIRECTION;
    return part->len < RPMSG_HDR_BYTES ? ECU_RULE_MSG_SHORT : ECU_RULE_NONE;
}

/* Buffers that cannot hold a message go back empty; the ring's own bound on what can be taken before it publishes
 * ends the loop. The next usable one, as ring_device_take. */
static int skip_unusable(struct ecu_rpmsg *rp, int id, struct ecu_buffer *part)
{
    enum ecu_rule rule = check_part(part);

    while (rule != ECU_RULE_NONE) {
        rp->violations[rule]++;
        ring_device_give(&rp->tx, (uint32_t)id, 0);
        id = ring_device_take(&rp->tx, part);
        rule = id < 0 ? ECU_RULE_NONE : check_part(part);
    }
    return_staged(rp);
    return id;
}

/* Next usable buffer of the ring: 0, -ENOMEM, -EIO. */
ALWAYS_INLINE int take_from_ring(struct ecu_rpmsg *rp, struct ecu_tx *tx)
{
    struct ecu_buffer part;
    uint8_t *buffer;
    int id = ring_device_take(&rp->tx, &part);

    if (id >= 0 && check_part(&part) != ECU_RULE_NONE) {
        struct ecu_buffer next = part;

        id = skip_unusable(rp, id, &next);
        part = next;
    }
    if (id < 0)
        return id == RING_NOTHING ? -ECU_ENOMEM : id;
    buffer = ecu_priv_buffer(rp, &rp->tx_window, &rp->tx, &part);
    if (buffer == NULL)
        return -ECU_EIO;
    tx->data = buffer + RPMSG_HDR_BYTES;
    tx->size = part.len - RPMSG_HDR_BYTES;
    if (tx->size > UINT16_MAX)
        tx->size = UINT16_MAX; /* the header's len has 16 bits */
    tx->id = (uint16_t)id;
    tx->epoch = rp->epoch;
    rp->tx_size = tx->size;
    return 0;
}

/* A spare one comes first. */
ALWAYS_INLINE int take_buffer(struct ecu_rpmsg *rp, struct ecu_tx *tx)
{
    if (rp->num_spare == 0)
        return take_from_ring(rp, tx);
    if (rp->tx.broken != ECU_RULE_NONE)
        return -ECU_EIO;
    *tx = rp->spare[--rp->num_spare];
    return 0;
}

static int take_any(struct ecu_rpmsg *rp, struct ecu_tx *tx)
{
    return take_buffer(rp, tx);
}

/* There is always room: at most BORROW_MAX are borrowed, and one more is in hand only while no spare
 * exists. */
static void put_aside(struct ecu_rpmsg *rp, const struct ecu_tx *tx)
{
    rp->spare[rp->num_spare++] = *tx;
}

int ecu_priv_prefetch(struct ecu_rpmsg *rp)
{
    struct ecu_tx tx;
    int rc = take_any(rp, &tx);

    if (rc == 0)
        put_aside(rp, &tx);
    return rc == -ECU_ENOMEM ? 0 : rc;
}

static inline void post(struct ecu_rpmsg *rp, uint32_t src, uint32_t dst, const struct ecu_tx *tx, size_t len)
{
    struct ecu_rpmsg_hdr hdr = {.src = src, .dst = dst, .len = (uint16_t)len};

    memcpy((uint8_t *)tx->data - RPMSG_HDR_BYTES, &hdr, sizeof hdr);
    ring_device_give(&rp->tx, tx->id, (uint32_t)(RPMSG_HDR_BYTES + len));
    return_staged(rp);
}

/* An echo sends from a received buffer, and a hostile host can post one piece of memory as both: memcpy
 * may not be asked to copy between overlapping pieces. Which bytes it then gets is its own affair. */
static inline void copy_payload(uint8_t *to, const uint8_t *from, size_t len)
{
    volatile uint8_t *bytes = to;

    if ((uintptr_t)to - (uintptr_t)from >= len && (uintptr_t)from - (uintptr_t)to >= len) {
        memory_copy(to, from, len);
        return;
    }
    for (size_t i = 0; i < len; i++)
        bytes[i] = from[i];
}

int ecu_priv_send(struct ecu_rpmsg *rp, uint32_t src, uint32_t dst, const void *data, size_t len)
{
    struct ecu_tx tx;
    int rc;

    if (rp == NULL || !rp->up)
        return -ECU_ENOTCONN;
    if (dst == ECU_RPMSG_ADDR_ANY)
        return -ECU_EINVAL;
    rc = take_buffer(rp, &tx);
    if (rc != 0) {
        /* No buffer comes back as long as the host does not see what is corked. */
        if (rp->corked)
            ecu_priv_flush(rp);
        /* Too long comes first, as far as the size is known without a buffer. */
        return len > UINT16_MAX || (rp->tx_size > 0 && len > rp->tx_size) ? -ECU_EMSGSIZE : rc;
    }
    if (len > tx.size) {
        struct ecu_tx unused = tx;

        put_aside(rp, &unused);
        return -ECU_EMSGSIZE;
    }
    copy_payload(tx.data, data, len);
    post(rp, src, dst, &tx, len);
    return 0;
}

void ecu_rpmsg_cork(struct ecu_rpmsg *rp)
{
    rp->corked = true;
}

void ecu_rpmsg_uncork(struct ecu_rpmsg *rp)
{
    rp->corked = false;
    if (rp->up && !rp->batching)
        ecu_priv_flush(rp);
}

uint32_t ecu_rpmsg_mtu(const struct ecu_rpmsg *rp)
{
    if (!rp->up)
        return 0;
    return rp->num_spare > 0 ? rp->spare[rp->num_spare - 1].size : rp->tx_size;
}

int ecu_rpmsg_trysendto(struct ecu_endpoint *ept, uint32_t dst, const void *data, size_t len)
{
    return ecu_priv_send(ept->rpmsg, ept->addr, dst, data, len);
}

int ecu_rpmsg_trysend(struct ecu_endpoint *ept, const void *data, size_t len)
{
    return ecu_priv_send(ept->rpmsg, ept->addr, ept->dst, data, len);
}

static bool can_wait(const struct ecu_host_ops *host)
{
    return host->size >= offsetof(struct ecu_host_ops, wait) + sizeof host->wait && host->wait != NULL;
}

static int wait_for_bell(const struct ecu_host_ops *host, uint64_t deadline_ns)
{
    int rc = host->wait(host->context, deadline_ns);

    /* A host that rings without end must not hold us past the deadline. */
    if (rc >= 0 && host->now_ns != NULL && host->now_ns(host->context) >= deadline_ns)
        return -ECU_ETIMEDOUT;
    return rc < 0 ? rc : 0;
}

int ecu_rpmsg_send(struct ecu_endpoint *ept, const void *data, size_t len, uint64_t deadline_ns)
{
    struct ecu_rpmsg *rp = ept->rpmsg;
    int rc = ecu_rpmsg_trysend(ept, data, len);
    int waited = 0;

    if (rc != -ECU_ENOMEM)
        return rc;
    if (!can_wait(rp->host))
        return -ECU_EAGAIN;
    /* Inside a batch the host may itself be waiting for what we hold back. */
    ecu_priv_flush(rp);
    for (;;) {
        /* In this order: ask for the bell, look again, sleep. */
        ecu_device_listen(&rp->tx);
        rc = ecu_rpmsg_trysend(ept, data, len);
        if (rc != -ECU_ENOMEM || waited != 0)
            break;
        waited = wait_for_bell(rp->host, deadline_ns);
    }
    if (rp->up && rp->num_unannounced == 0)
        ecu_device_quiet(&rp->tx);
    return rc == -ECU_ENOMEM ? waited : rc;
}

int ecu_rpmsg_borrow(struct ecu_rpmsg *rp, struct ecu_tx *tx)
{
    int rc;

    tx->data = NULL;
    if (!rp->up)
        return -ECU_ENOTCONN;
    if (rp->num_borrowed == ECU_RPMSG_BORROW_MAX)
        return -ECU_ENOMEM;
    rc = take_any(rp, tx);
    if (rc == 0)
        rp->num_borrowed++;
    return rc;
}

/* A borrowed buffer of this link-up, not submitted or cancelled before. */
static int check_borrowed(const struct ecu_rpmsg *rp, const struct ecu_tx *tx)
{
    if (rp == NULL || !rp->up)
        return -ECU_ENOTCONN;
    return tx->data == NULL || tx->epoch != rp->epoch || rp->num_borrowed == 0 ? -ECU_EINVAL : 0;
}

int ecu_rpmsg_submit(struct ecu_endpoint *ept, uint32_t dst, struct ecu_tx *tx, size_t len)
{
    struct ecu_rpmsg *rp = ept->rpmsg;
    int rc = check_borrowed(rp, tx);

    if (rc != 0)
        return rc;
    if (dst == ECU_RPMSG_ADDR_ANY)
        return -ECU_EINVAL;
    if (len > tx->size)
        return -ECU_EMSGSIZE;
    if (rp->tx.broken != ECU_RULE_NONE)
        return -ECU_EIO;
    post(rp, ept->addr, dst, tx, len);
    rp->num_borrowed--;
    tx->data = NULL;
    return 0;
}

int ecu_rpmsg_cancel(struct ecu_rpmsg *rp, struct ecu_tx *tx)
{
    int rc = check_borrowed(rp, tx);

    if (rc != 0)
        return rc;
    put_aside(rp, tx);
    rp->num_borrowed--;
    tx->data = NULL;
    return 0;
}
