/* SPDX-License-Identifier: Apache-2.0
 *
 * Measuring loops over an endpoint, in C: what the host side costs where no Python takes part. They use the same calls as
 * Python does (rp_send, rp_recv), on the same endpoint of the same running core, so that the difference is Python's.
 *
 * Thread safety: any thread, one loop at a time for each endpoint and each struct rp_loop.
 */
#ifndef RP_LOOP_H
#define RP_LOOP_H

#include "rp_bus.h"
#include "rp_histogram.h"

/* One run; zero sent and received before it begins. */
struct rp_loop {
    struct rp_endpoint *ept;
    uint32_t dst;
    uint32_t mtu;        /* of the endpoint: room for one message */
    const uint8_t *data; /* one message; of rp_loop_send `batch` messages, one after the other */
    uint32_t len;        /* bytes of one message, at least 1 */
    uint32_t batch;      /* messages per call; in rp_loop_echo under way at once */
    uint64_t num;        /* messages of the run */
    uint64_t deadline_ns; /* of the run, CLOCK_MONOTONIC: a look at the clock in each turn would be measured as well */
    struct rp_histogram *histogram; /* of rp_loop_echo with batch 1: each turn's time; may be NULL */
    uint64_t sent;       /* out, and where the next call goes on after -EINTR */
    uint64_t received;
    uint64_t calls;      /* out: of rp_recv or rp_send_many */
};

/* Send and get back. 0; -EBADMSG: an answer of another length, or in the first or last byte another than was sent; -ENOMEM;
 * what rp_send and rp_recv answer, -EINTR among them: handle the signal and call again. */
int rp_loop_echo(struct rp_loop *loop);

/* Receive `num` messages, at most `batch` for each call. */
int rp_loop_receive(struct rp_loop *loop);

/* Send `num` messages, `batch` of them with each call. */
int rp_loop_send(struct rp_loop *loop);

#endif
