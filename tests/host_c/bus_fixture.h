/* SPDX-License-Identifier: Apache-2.0
 *
 * A host bus and the memory of its core, for tests in which the core breaks the rules: one memfd mapped
 * twice, the host's buffers at the end of its mapping with a forbidden page behind them, rings of 16
 * descriptors of which the host uses 8.
 */
#ifndef BUS_FIXTURE_H
#define BUS_FIXTURE_H

#include "rp_bus.h"

#include <ecusdk/handover.h>

#include <stdio.h>
#include <stdlib.h>

/* Says which check failed, and for which subject: a play, or a fuzz input. */
extern const char *fixture_subject;
#define FIXTURE_CHECK(condition)                                                                         \
    do {                                                                                                 \
        if (!(condition)) {                                                                              \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, fixture_subject, #condition); \
            abort();                                                                                     \
        }                                                                                                \
    } while (0)

#define FIXTURE_NUM 16u
#define FIXTURE_BUFFERS 8u
#define FIXTURE_BUFFER_SIZE 512u
#define FIXTURE_MTU 496u
#define FIXTURE_PAGE 4096u
#define FIXTURE_DA 0x40000000u

/* Offsets of the pieces. */
#define FIXTURE_CONTROL 0u
#define FIXTURE_RING0 FIXTURE_PAGE
#define FIXTURE_RING1 (2 * FIXTURE_PAGE)
#define FIXTURE_TABLE (3 * FIXTURE_PAGE)
#define FIXTURE_TRACE (4 * FIXTURE_PAGE)
#define FIXTURE_POOL (5 * FIXTURE_PAGE)
#define FIXTURE_SIZE (FIXTURE_POOL + 2 * FIXTURE_BUFFERS * FIXTURE_BUFFER_SIZE)

struct fixture {
    uint8_t *host; /* the host's mapping */
    uint8_t *core; /* the core's */
    struct ecu_driver rx, tx;
    struct ecu_driver_slot rx_slots[FIXTURE_NUM], tx_slots[FIXTURE_NUM];
    struct rp_bells bells;
    struct rp_lifeline *lifeline;
    struct rp_bus *bus;
    struct rp_endpoint *ept; /* address 1024 */
    struct rp_endpoint *ns;  /* address 53 */
    struct ecu_device to_host;
    struct ecu_device from_host;
};

struct fixture *fixture_new(void);
void fixture_free(struct fixture *f);

/* Of the core: NULL outside its memory. context: the fixture. */
void *fixture_da_to_va(void *context, uint64_t da, size_t size);

/* The private books of both queues add up, whatever the core wrote. Nobody else may be at the rings. */
void fixture_check_books(const struct fixture *f);

/* ---- what the program does ---- */

struct received {
    struct rp_slot slot;
    struct rp_record record;
    uint8_t payload[FIXTURE_MTU];
};

/* One message for ept; waits for at most timeout_ns. The result of rp_recv. */
int fixture_recv(struct rp_endpoint *ept, struct received *in, bool borrow, uint64_t timeout_ns);

struct rp_bus_stats fixture_stats(const struct fixture *f);

#endif
