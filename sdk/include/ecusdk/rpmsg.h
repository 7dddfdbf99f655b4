/* SPDX-License-Identifier: Apache-2.0
 *
 * The remote half of rpmsg (the virtio device side), over ring.h and the host operations of ecu.h. All
 * storage is the caller's; the caller serialises (normally everything happens inside boot, link, notify and
 * tick, which do not overlap). on_message may call everything here but notify and link, and may close its own
 * endpoint.
 *
 *   ring 0 ("input" of Linux):  this side takes empty buffers and gives them back filled
 *   ring 1 ("output" of Linux): this side takes messages and gives the buffers back
 *
 * Freestanding: needs no C library beyond memcpy and memset.
 */
#ifndef ECUSDK_RPMSG_H
#define ECUSDK_RPMSG_H

#include <ecusdk/ecu.h>
#include <ecusdk/ring.h>

#define ECU_RPMSG_ADDR_ANY 0xFFFFFFFFu
#define ECU_RPMSG_ADDR_NS 53u
#define ECU_RPMSG_ADDR_DYNAMIC 1024u /* first address handed out for ANY; below are fixed services */
#define ECU_RPMSG_NAME_SIZE 32u
#define ECU_RPMSG_F_NS 0u /* feature bit number */
#define ECU_RPMSG_NS_DESTROY 1u
#define ECU_VIRTIO_ID_RPMSG 7u

struct ecu_rpmsg_hdr { /* packed by nature: 16 bytes */
    uint32_t src;
    uint32_t dst;
    uint32_t reserved; /* sent as 0, ignored when received: peers keep notes here */
    uint16_t len;      /* payload bytes */
    uint16_t flags;
};

struct ecu_rpmsg_ns { /* 40 bytes, payload of a message to address 53 */
    char name[ECU_RPMSG_NAME_SIZE];
    uint32_t addr;
    uint32_t flags;
};

struct ecu_endpoint;
struct ecu_rpmsg;

/* A received message. `data` is shared memory that the host can still change: copy what you check. */
struct ecu_message {
    const void *data;
    uint32_t len;
    uint32_t src;
    uint16_t id; /* ring token, for ecu_rpmsg_release */
    uint16_t epoch; /* the link-up that it belongs to */
};

enum ecu_rx {
    ECU_RX_DONE, /* the buffer goes back to the host */
    ECU_RX_HOLD  /* the buffer stays with the ECU until ecu_rpmsg_release */
};

typedef enum ecu_rx (*ecu_rx_fn)(struct ecu_endpoint *ept, const struct ecu_message *msg);

struct ecu_endpoint {
    struct ecu_rpmsg *rpmsg;
    struct ecu_endpoint *next; /* in its bucket */
    uint32_t addr;             /* own address */
    uint32_t dst;              /* peer's address; ANY until the first message tells it */
    ecu_rx_fn on_message;
    void *context; /* the caller's */
    bool announced;
    bool learned; /* dst came from a message: forgotten when the link goes down */
    char name[ECU_RPMSG_NAME_SIZE]; /* empty: not announced */
};

/* A borrowed transmit buffer: write at most `size` bytes to `data`, then submit or cancel. */
struct ecu_tx {
    void *data;
    uint32_t size;
    uint16_t id;
    uint16_t epoch; /* the link-up that it belongs to */
};

#define ECU_RPMSG_BORROW_MAX 4u /* buffers borrowed at once */

/* Memory that da_to_va was asked about before: [da, da + size) lies at va. */
struct ecu_window {
    uint64_t da;
    size_t size;
    uint8_t *va;
};

struct ecu_rpmsg {
    const struct ecu_host_ops *host;
    struct ecu_endpoint **buckets; /* addr & (num_buckets - 1) */
    uint32_t num_buckets;
    uint32_t notify_id[2];
    uint32_t num_spare;
    uint32_t tx_size; /* payload bytes of the transmit buffer seen last */
    uint16_t epoch;   /* counts link-ups, so that tokens of an earlier one are refused */
    bool up;
    bool has_ns;
    bool batching; /* inside notify or link: kicks wait for the end */
    bool corked;
    bool polling;
    struct ecu_device tx; /* ring 0 */
    struct ecu_device rx; /* ring 1 */
    struct ecu_window tx_window;
    struct ecu_window rx_window;
    struct ecu_tx spare[ECU_RPMSG_BORROW_MAX + 1]; /* taken and not sent: cancelled, or found too small */
    uint32_t num_borrowed;
    uint32_t num_held;        /* messages that on_message kept */
    uint32_t num_unannounced; /* named endpoints that found no buffer yet */
    uint32_t num_endpoints;
    uint8_t *vdev; /* the vdev entry in the loaded table */
    uint32_t vdev_index;
    uint32_t violations[ECU_RULE_COUNT];
    uint64_t no_recipient;
};

/* num_buckets: a power of two; lookup is independent of the number of endpoints while there are no more
 * than buckets. */
int ecu_rpmsg_init(struct ecu_rpmsg *rp, const struct ecu_host_ops *host, struct ecu_endpoint **buckets,
                   uint32_t num_buckets);

/* In boot: find the first vdev of id 7 in the loaded table, which is checked before it is read. -ENODEV:
 * there is none; -EINVAL: the table is malformed, or that vdev has not two rings. */
int ecu_rpmsg_boot(struct ecu_rpmsg *rp, void *loaded_table, size_t table_size);

/* In link: up reads the ring addresses and the negotiated features, maps the rings and announces every
 * named endpoint (those for which no buffer is left follow in notify, when the host has returned some);
 * down forgets both rings, every held message, borrowed buffer and learned address. A vdev that is not
 * ours returns 0. -EINVAL: ring shape, or memory that is not shared. */
int ecu_rpmsg_link(struct ecu_rpmsg *rp, uint32_t vdev, int up);

/* In notify, with the id of either ring: receive all that is there, at most one ring of messages (the host
 * rings again for more), give the buffers back four times a ring, kick each ring at most once. With EVENT_IDX it
 * goes on when more came in the meantime. Returns the number of messages, 0 for an id that is not ours, -EIO
 * when the ring is broken (the rule is in rx.broken or tx.broken). */
int ecu_rpmsg_notify(struct ecu_rpmsg *rp, uint32_t notify_id);

/* True when the host has put messages into ring 1 that were not received yet: for a core that polls. */
bool ecu_rpmsg_pending(const struct ecu_rpmsg *rp);

/* A core that asks ecu_rpmsg_pending again and again needs no bells: on spares the host ringing it. Off asks for
 * bells and returns whether something came before: then call notify, nobody will ring for it. Stays as it is
 * when the link goes down and up; off at first. */
bool ecu_rpmsg_poll(struct ecu_rpmsg *rp, bool on);

/* Open an endpoint in the caller's storage. addr: fixed, or ANY for the lowest free one from 1024 on.
 * name: NULL or "" for an endpoint that is not announced, else at most 31 characters; announced at once
 * when the link is up, else when it comes up. -EADDRINUSE, -EINVAL (name too long, ANY - 1 exceeded); what
 * sending the announcement may answer (-ENOMEM: no buffer; -EMSGSIZE, -EIO): nothing was opened.
 * on_message may be NULL: then messages are dropped. */
int ecu_rpmsg_open(struct ecu_rpmsg *rp, struct ecu_endpoint *ept, const char *name, uint32_t addr,
                   ecu_rx_fn on_message, void *context);

/* Withdraw the announcement and forget the endpoint: it is closed even when the answer is an error (of
 * sending the withdrawal: -ENOMEM, -EIO). -EINVAL: it was not open. */
int ecu_rpmsg_close(struct ecu_endpoint *ept);

/* Payload bytes of the next transmit buffer, or of the last one seen while there is none; 0 while the link
 * is down and until the host has offered a first buffer. */
uint32_t ecu_rpmsg_mtu(const struct ecu_rpmsg *rp);

/* Errors of the send calls, tested in this order: -ENOTCONN link down; -EINVAL dst is ANY (the peer has
 * not spoken yet); -EMSGSIZE; -ENOMEM no buffer (try), -ETIMEDOUT (send); -EIO ring broken. 0 is good.
 * send without a buffer where the host has no `wait`: -EAGAIN. send passes on what `wait` returns when the
 * core must stop (-ENOTCONN). Within notify a sent message is visible at once, but the host is rung at the
 * end of the batch, or when a send has to wait. */
int ecu_rpmsg_trysend(struct ecu_endpoint *ept, const void *data, size_t len);
int ecu_rpmsg_trysendto(struct ecu_endpoint *ept, uint32_t dst, const void *data, size_t len);
int ecu_rpmsg_send(struct ecu_endpoint *ept, const void *data, size_t len, uint64_t deadline_ns);

/* Between cork and uncork sent messages stay invisible, and uncork shows all of them with one index store and at
 * most one bell; a send that finds no buffer shows them earlier. Not nested. */
void ecu_rpmsg_cork(struct ecu_rpmsg *rp);
void ecu_rpmsg_uncork(struct ecu_rpmsg *rp);

/* Zero copy: borrow, fill, submit (or cancel). At most ECU_RPMSG_BORROW_MAX at once, then -ENOMEM.
 * -ENOTCONN after the link went down, -EINVAL for a buffer of an earlier link-up or one that was submitted
 * or cancelled before; when submit fails the buffer stays borrowed. */
int ecu_rpmsg_borrow(struct ecu_rpmsg *rp, struct ecu_tx *tx);
int ecu_rpmsg_submit(struct ecu_endpoint *ept, uint32_t dst, struct ecu_tx *tx, size_t len);
int ecu_rpmsg_cancel(struct ecu_rpmsg *rp, struct ecu_tx *tx);

/* Give a held message back, once; works from any later callback, refused (-EINVAL) after the link went
 * down. -EIO: ring broken. */
int ecu_rpmsg_release(struct ecu_rpmsg *rp, const struct ecu_message *msg);

#endif
