/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the bus share. Lock order: ring (BUSY) or tx_lock before an endpoint's lock; the service thread's and the
 * lifeline's locks before all of them.
 */
#ifndef BUS_PRIVATE_H
#define BUS_PRIVATE_H

#include "rp_bus.h"
#include "rp_inbox.h"
#include "rp_lock.h"
#include "rp_table.h"

#include <errno.h>
#include <pthread.h>

/* state bits */
#define BUS_BUSY 1u  /* one thread pumps: it alone touches rx, its notification words and deliver() */
#define BUS_DEAD 2u
#define BUS_AGAIN 4u /* somebody who found BUSY wants the ring looked at once more before it is let go */

enum guard_event { GUARD_NUDGE, GUARD_BELL };

/* bits of rp_endpoint.over */
#define ENDPOINT_CLOSED 1u
#define ENDPOINT_GONE 2u

/* Three cache lines, so that a thread that sends and one that receives do not slow each other down. */
struct rp_endpoint {
    /* send: statistics under tx_lock */
    _Alignas(64) struct rp_bus *bus;
    uint32_t address;
    uint32_t over; /* atomic; bits are only ever set */
    uint64_t tx_messages;
    uint64_t tx_bytes;
    uint32_t dst;
    struct rp_endpoint *next; /* in a bucket of fixed addresses */

    /* receive: statistics under BUSY, the rest under the lock */
    _Alignas(64) struct rp_inbox inbox;
    uint64_t rx_messages;
    uint64_t rx_bytes;
    uint64_t dropped;

    _Alignas(64) struct rp_lock lock;
    int event;            /* -1 until somebody asks for it */
    uint32_t sequence;    /* futex of the followers */
    uint32_t followers;   /* asleep on it */
    uint32_t wakes;       /* of these, already woken */
    bool guarding;        /* the bus's guard sleeps on behalf of this endpoint */
};

/* Spinning pays for a peer that answers at once: a success fills the score, a failure empties it, and with an empty one a spin is
 * tried now and then. */
struct bus_spin {
    int score;
    uint32_t skipped; /* occasions since the last try */
};

struct rp_bus {
    struct rp_bus_config config; /* this and the next three: never written again */
    uint32_t mtu;
    int notice;
    bool started;
    uint32_t references; /* the owner's and one for each endpoint */

    /* receive: owned by whoever is BUSY, except for atomic words */
    _Alignas(64) uint32_t state;
    uint32_t receives; /* calls of rp_recv; two at once may count as one */
    /* Reasons for bells while nobody is BUSY: threads asleep in rp_recv or about to be, descriptors handed out, and that there
     * is no lease (service.c). Atomic. */
    uint32_t listeners;
    uint32_t leased; /* atomic */
    struct bus_spin rx_spin;
    struct rp_table table;
    pthread_mutex_t table_lock; /* the table changes under BUSY and this; mark_dead reads it under this alone */
    struct rp_bus_stats stats;  /* receive half: one writer at a time; violations and held: any thread */

    /* the guard */
    _Alignas(64) uint32_t guard_taken;
    int guard_epoll; /* the doorbell, and `nudge`, told apart by enum guard_event */
    int nudge;       /* wakes the guard for a message that somebody else delivered */

    /* send: owned by tx_lock */
    _Alignas(64) struct rp_lock tx_lock;
    uint32_t num_spare; /* buffers that are not in the ring: never used so far, or borrowed and given back unsent */
    uint32_t num_lent;
    uint16_t *tx_spare; /* the next one last */
    bool *tx_lent;        /* by buffer */
    struct bus_spin tx_spin;
    uint64_t tx_messages;
    uint64_t tx_bytes;
    uint32_t tx_sequence; /* futex of blocked senders */
    uint32_t tx_waiters;

    /* service thread */
    _Alignas(64) uint64_t bell_token;
    uint64_t service_token; /* of service_event */
    int service_event;      /* makes the service thread look at the rings */
    uint64_t timer_token;
    int timer;              /* when to listen to a storming core again */
    uint64_t lease_token;
    int lease_timer;
    uint64_t last_bell_ns;
    uint32_t receives_seen;
    uint32_t needless; /* bells in a row that came soon after another, for a program that was awake */

    /* bells, counted by whoever answers one */
    bool throttled;
    bool storm;         /* the guard has seen one; the service thread does something about it */
    uint32_t fruitless; /* bells in a row without any progress */
    uint64_t progress;  /* messages seen at the last bell */
};

/* A statistic with one writer at a time and readers anywhere. */
#define STAT_GET(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define STAT_ADD(field, amount) __atomic_store_n(&(field), STAT_GET(field) + (amount), __ATOMIC_RELAXED)

static inline bool bus_is_dead(const struct rp_bus *bus)
{
    return __atomic_load_n(&bus->state, __ATOMIC_SEQ_CST) & BUS_DEAD;
}

static inline uint32_t endpoint_over(const struct rp_endpoint *ept)
{
    return __atomic_load_n(&ept->over, __ATOMIC_SEQ_CST);
}

/* Why it cannot send any more: 0, -EBADF, -EPIPE. A bus that dies tells each endpoint. */
static inline int endpoint_why_over(const struct rp_endpoint *ept)
{
    uint32_t over = endpoint_over(ept);
    if (over == 0)
        return 0;
    return over & ENDPOINT_CLOSED ? -EBADF : -EPIPE;
}

/* Where the payload of a transmit buffer lies, behind its header. */
static inline uint8_t *bus_tx_payload(const struct rp_bus *bus, uint32_t buffer)
{
    size_t offset = (size_t)(bus->config.num_rx + buffer) * bus->config.buffer_size;
    return bus->config.buffers + offset + sizeof(struct ecu_rpmsg_hdr);
}

/* With tx_lock. */
static inline void bus_count_tx(struct rp_bus *bus, struct rp_endpoint *ept, uint32_t messages, uint64_t bytes)
{
    STAT_ADD(bus->tx_messages, messages);
    STAT_ADD(bus->tx_bytes, bytes);
    STAT_ADD(ept->tx_messages, messages);
    STAT_ADD(ept->tx_bytes, bytes);
}

/* Become BUSY; false when somebody is, or the bus is dead. */
static inline bool bus_try(struct rp_bus *bus)
{
    uint32_t idle = 0;
    return __atomic_load_n(&bus->state, __ATOMIC_RELAXED) == 0 &&
           __atomic_compare_exchange_n(&bus->state, &idle, BUS_BUSY, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* busy.c */
bool bus_poke(struct rp_bus *bus);    /* become BUSY, or have the one who is look at the ring once more */
bool bus_acquire(struct rp_bus *bus); /* become BUSY, waiting; false when the bus is dead and nobody BUSY any more */
void bus_wait_for_guard(struct rp_bus *bus); /* of a dead bus: until the one who slept at the bell has left it */
void bus_release(struct rp_bus *bus); /* after it, a message that arrives rings a bell that somebody answers */
void bus_look(struct rp_bus *bus);    /* whatever is in the ring now is delivered, by us or by who is BUSY */
void bus_mark_dead(struct rp_bus *bus);
void bus_mark_broken(struct rp_bus *bus, const struct ecu_driver *ring);
void bus_notice(struct rp_bus *bus);
bool bus_worth_spinning(const struct rp_bus *bus, struct bus_spin *spin);
void bus_spun(struct bus_spin *spin, bool success);

/* bus.c */
void bus_get(struct rp_bus *bus);
void bus_put(struct rp_bus *bus);

/* service.c */
int bus_join_service(struct rp_bus *bus);
void bus_leave_service(struct rp_bus *bus);
void bus_answer_bell(struct rp_bus *bus);  /* take the notify ids, wake blocked senders */
void bus_count_guard_bell(struct rp_bus *bus);
void bus_ring_service(struct rp_bus *bus); /* have the service thread look at the rings */
void bus_end_lease(struct rp_bus *bus);

/* pump.c; BUSY */
void bus_pump(struct rp_bus *bus, struct rp_slot *slot);

/* endpoint.c */
void bus_kill_endpoints(struct rp_bus *bus);
void endpoint_wake_one(struct rp_endpoint *ept); /* locked */
void endpoint_tell_event(struct rp_endpoint *ept, bool readable); /* locked */

/* send.c */
void bus_wake_senders(struct rp_bus *bus); /* those that wait for a buffer, if there are any */
/* With tx_lock: a buffer, or why there is none; show one whose payload is written; make all that is staged visible. */
int bus_take_buffer(struct rp_endpoint *ept, uint64_t deadline_ns);
void bus_stage(struct rp_endpoint *ept, uint32_t buffer, uint32_t dst, uint32_t len);
void bus_publish_tx(struct rp_bus *bus);

#endif
