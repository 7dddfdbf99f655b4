/* SPDX-License-Identifier: Apache-2.0
 *
 * The hot half of the rpmsg bus, host side (Linux: virtio_rpmsg_bus.c). One object per rpmsg device and boot.
 *
 * Who drains the receive ring: whoever is active. A thread in rp_recv takes the ring (BUSY), pumps everything that is there,
 * its own messages straight into its memory and the others into their endpoints' inboxes, and never holds the ring across a
 * sleep. While it sleeps it is the *guard*: it waits for the doorbell itself, so that a message costs one wake-up and no hop.
 * When nobody waits, the process's service thread is the guard, so that queueing goes on while the program sleeps. The kernel
 * chooses between the two: both wait for the doorbell with EPOLLEXCLUSIVE, the guard first.
 *
 * Thread safety: any thread; rp_bus_free and rp_endpoint_free need that no other call on that object is running.
 */
#ifndef RP_BUS_H
#define RP_BUS_H

#include "rp_bells.h"
#include "rp_lifeline.h"

#include <ecusdk/ring.h>
#include <ecusdk/rpmsg.h>

#include <stdbool.h>
#include <stdint.h>

struct rp_bus;
struct rp_endpoint;

#define RP_BUFFER_MAX 65536u /* header included */
#define RP_MTU_MAX (RP_BUFFER_MAX - 16u)

struct rp_bus_config {
    struct ecu_driver *rx; /* queue 0: remote to host; both fresh, and outlive the bus */
    struct ecu_driver *tx; /* queue 1 */
    uint32_t rx_notify;
    uint32_t tx_notify;
    struct rp_bells *bells; /* its only bus: rp_bus_start of another one is -EEXIST */
    struct rp_lifeline *lifeline;
    uint8_t *buffers; /* num_rx + num_tx buffers; the receive half comes first, as in Linux */
    uint64_t buffers_da;
    uint32_t buffer_size;
    uint32_t num_rx;
    uint32_t num_tx;
    uint32_t inbox;   /* messages per endpoint */
    uint64_t spin_ns; /* budget before a sleep; 0 never spins */
};

struct rp_bus_stats {
    uint64_t rx_messages;
    uint64_t rx_bytes;
    uint64_t tx_messages;
    uint64_t tx_bytes;
    uint64_t no_recipient;
    uint64_t inbox_full;
    uint64_t kicks; /* bells rung for this bus and its core */
    uint64_t bells; /* bells answered */
    uint64_t empty_bells;
    uint32_t violations[ECU_RULE_COUNT];
    uint32_t broken;        /* enum ecu_rule of a broken ring, or 0 */
    uint32_t held;          /* receive buffers out as views */
    uint32_t bad_used_len;  /* of the last refused message, for the log */
    uint32_t bad_len;
    uint32_t stray_src;     /* of the last message for nobody */
    uint32_t stray_dst;
    bool dead;
};

struct rp_endpoint_stats {
    uint64_t rx_messages;
    uint64_t rx_bytes;
    uint64_t tx_messages;
    uint64_t tx_bytes;
    uint64_t dropped; /* inbox full */
    uint32_t queued;
};

/* ---- bus ---- */

/* NULL: no memory or descriptors. */
struct rp_bus *rp_bus_new(const struct rp_bus_config *config);

/* Post all receive buffers and begin to answer bells. Before DRIVER_OK; the first kick is the caller's. -EINVAL: a queue that is not
 * fresh, or has fewer descriptors than there are buffers. */
int rp_bus_start(struct rp_bus *bus);

/* Everyone who waits is woken with -EPIPE, and no ring or bell is touched any more when it returns, even by those who are still
 * on their way out. Idempotent, but not two at once. */
void rp_bus_stop(struct rp_bus *bus);

/* Stop, and free when the last endpoint has been freed too. */
void rp_bus_free(struct rp_bus *bus);

void rp_bus_stats(struct rp_bus *bus, struct rp_bus_stats *out);

/* An eventfd: readable when a violation, a stray message or death is new in the statistics. The reader reads it. */
int rp_bus_notice_fd(const struct rp_bus *bus);

/* Count a violation that a layer above found, such as the name service. */
void rp_bus_violation(struct rp_bus *bus, uint32_t rule);

/* ---- endpoints ---- */

/* address: fixed, or ANY for the lowest free one from 1024 on. 0 and *out; -EADDRINUSE, -EINVAL, -ENOMEM, -EPIPE, -ECHILD. */
int rp_endpoint_open(struct rp_bus *bus, uint32_t address, uint32_t dst, struct rp_endpoint **out);
void rp_endpoint_close(struct rp_endpoint *ept); /* wakes who waits in it, senders too, with -EBADF; idempotent */
void rp_endpoint_free(struct rp_endpoint *ept);

/* The channel is gone: from now on as after the core's death, -EPIPE when the inbox is empty, and for senders at once. */
void rp_endpoint_hang_up(struct rp_endpoint *ept);
uint32_t rp_endpoint_address(const struct rp_endpoint *ept);
void rp_endpoint_stats(struct rp_endpoint *ept, struct rp_endpoint_stats *out);

/* Made at the first call: readable exactly while a message is queued or the core is gone. Never read it. Negative errno. */
int rp_endpoint_fd(struct rp_endpoint *ept);

/* ---- receive ---- */

struct rp_record { /* head of each received message; payload follows */
    uint32_t src;
    uint32_t len;
};

/* One receive call: where the messages go. The caller owns it; one call at a time uses it. */
struct rp_slot {
    struct rp_endpoint *ept;
    uint8_t *records; /* max records of `stride` bytes each: struct rp_record, then room for the largest payload */
    uint32_t stride;  /* a multiple of 4 */
    uint32_t max;
    uint32_t count;       /* out */
    bool may_sleep;       /* false: return -EINPROGRESS where the call would sleep */
    bool borrow;          /* give a message that comes from the ring by reference: max is 1 */
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0 polls, UINT64_MAX waits for ever */
    const uint8_t *borrowed; /* out: payload in the ring's buffer, or NULL when it was copied to records */
    uint32_t borrowed_buffer; /* out: for rp_release */
    bool spun; /* of rp_recv: the next call goes to sleep without another spin */
};

/* Returns the number of messages, at least one; or -EAGAIN (nothing, deadline 0), -ETIMEDOUT, -EINPROGRESS (would sleep),
 * -EINTR (a signal came: handle it, call again), -EPIPE (core gone, inbox empty), -EBADF (closed), -ECHILD. */
int rp_recv(struct rp_slot *slot);

/* Give a borrowed buffer back to the core; a no-op once the bus has stopped. */
void rp_release(struct rp_bus *bus, uint32_t buffer);

/* ---- send ---- */

/* 0, or in Linux's order: -ECHILD, -EBADF, -EINVAL (dst ANY), -EMSGSIZE, -EPIPE, -EAGAIN (no buffer, deadline 0), -ETIMEDOUT, -EINTR. */
int rp_send(struct rp_endpoint *ept, uint32_t dst, const void *data, uint32_t len, uint64_t deadline_ns);

/* Messages lie one after the other in data; one publication and at most one bell per run of free buffers. Returns how many were
 * sent (all, unless the deadline came), or the error of the first. */
int rp_send_many(struct rp_endpoint *ept, uint32_t dst, const uint8_t *data, const uint32_t *lens, uint32_t num,
                 uint64_t deadline_ns);

/* A transmit buffer in the hands of the program: write at most `size` bytes to `data`, then submit or cancel. */
struct rp_loan {
    uint8_t *data;
    uint32_t size;
    uint32_t buffer;
};

/* Errors as rp_send; -ENOBUFS when half of the buffers are out already, so that a program cannot block itself. */
int rp_borrow(struct rp_endpoint *ept, uint64_t deadline_ns, struct rp_loan *out);

/* Send what was written. As rp_send, but never waits; -EINVAL also for a buffer that is not lent. After an error the buffer stays
 * lent. */
int rp_submit(struct rp_endpoint *ept, uint32_t dst, uint32_t buffer, uint32_t len);

/* Give it back unsent; a no-op for a buffer that is not lent, and once the bus has stopped. */
void rp_cancel(struct rp_bus *bus, uint32_t buffer);

#endif
