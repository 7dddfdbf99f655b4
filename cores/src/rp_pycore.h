/* SPDX-License-Identifier: Apache-2.0
 *
 * The SDK's remote half for a core that is written in Python: it owns the surroundings (ecusdk/env.h), the
 * rpmsg instance and its endpoints. Messages are copied into a private queue, from which Python takes them
 * one by one; nothing here calls Python, and Python waits in rp_pycore_wait without the interpreter lock.
 *
 * Thread safety: the caller serialises; it is the core's own thread that does everything.
 */
#ifndef RP_PYCORE_H
#define RP_PYCORE_H

#include <stddef.h>
#include <stdint.h>

struct rp_pycore;

/* A received message; endpoint is what rp_pycore_endpoint returned. */
struct rp_pycore_message {
    uint32_t endpoint;
    uint32_t src;
    uint32_t len;
};

/* What rp_pycore_wait saw, or-ed together. */
enum {
    RP_PYCORE_LINK = 1,     /* the rpmsg device came up or went down */
    RP_PYCORE_RESET = 2,    /* rings are about to be zeroed */
    RP_PYCORE_STOP = 4,
    RP_PYCORE_HANGUP = 8,
    RP_PYCORE_STEP = 16,    /* virtual time, which a Python core does not serve */
    RP_PYCORE_MESSAGES = 32 /* rp_pycore_take has something */
};

#define RP_PYCORE_MAX_LEN 65536u /* no message is longer: its length has 16 bits */

/* Wait for HELLO on `control`, map what it describes, find the rpmsg device (a table without one is good).
 * The socket belongs to the core from here on, also when this fails: NULL and *error, told to the host
 * where it could be. log_fd stays the caller's. */
struct rp_pycore *rp_pycore_open(int control, int log_fd, int *error);
void rp_pycore_close(struct rp_pycore *core);

const char *rp_pycore_name(const struct rp_pycore *core);

/* Open an endpoint; name "" is not announced, addr and dst may be ANY. Its number (never reused), or
 * negative errno of ecu_rpmsg_open. */
int rp_pycore_endpoint(struct rp_pycore *core, const char *name, uint32_t addr, uint32_t dst);
int rp_pycore_endpoint_close(struct rp_pycore *core, uint32_t endpoint);
uint32_t rp_pycore_addr(const struct rp_pycore *core, uint32_t endpoint); /* ANY for a number that is none */
uint32_t rp_pycore_dst(const struct rp_pycore *core, uint32_t endpoint);
uint32_t rp_pycore_mtu(const struct rp_pycore *core);

int rp_pycore_ready(struct rp_pycore *core);
int rp_pycore_error(struct rp_pycore *core, int error, const char *text);
int rp_pycore_stopped(struct rp_pycore *core);
int rp_pycore_reset_done(struct rp_pycore *core);

/* Sleep until something happens or the deadline (CLOCK_MONOTONIC ns, UINT64_MAX for none) passes; brings
 * the link up and down and receives. What was seen, 0 when nothing was, or negative errno: the host broke
 * the ring. */
int64_t rp_pycore_wait(struct rp_pycore *core, uint64_t deadline_ns);

/* The oldest received message: 1, or 0 when there is none. At most `size` bytes of it are stored. */
int rp_pycore_take(struct rp_pycore *core, struct rp_pycore_message *message, void *data, size_t size);

/* dst ANY: the endpoint's peer. A deadline of 0 only tries. Errors of ecu_rpmsg_send; -ENOENT for a closed
 * endpoint. */
int rp_pycore_send(struct rp_pycore *core, uint32_t endpoint, uint32_t dst, const void *data, size_t len,
                   uint64_t deadline_ns);

#endif
