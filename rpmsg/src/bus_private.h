/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the bus share. Lock order: ring (BUSY) or tx_lock before an endpoint's lock; the service thread's and the
 * lifeline's locks before all of them.
 */
#ifndef BUS_PRIVATE_H
#define BUS_PRIVATE_H

#include "rp_bus.h"
#include "rp_inbox.h"

#include <pthread.h>

#define FIXED_BUCKETS 64u

/* state bits */
#define BUS_BUSY 1u /* one thread pumps: it alone touches rx, its notification flag and deliver() */
#define BUS_DEAD 2u
#define BUS_LEAVING 4u /* and above: how many threads look at the ring a last time after they gave BUSY up */

enum guard_event { GUARD_NUDGE, GUARD_BELL };

struct rp_endpoint {
    struct rp_bus *bus;
    struct rp_endpoint *next; /* in a bucket of fixed addresses */
    uint32_t address;
    uint32_t dst;
    bool closed; /* set once, without the lock */
    pthread_mutex_t lock; /* all below */
    struct rp_inbox inbox;
    struct rp_endpoint_stats stats;
    int event;            /* -1 until somebody asks for it */
    uint32_t sequence;    /* futex of the followers */
    uint32_t followers;   /* asleep on it */
    uint32_t wakes;       /* of these, already woken */
    bool guarding;        /* the bus's guard sleeps on behalf of this endpoint */
    bool dead;            /* read without the lock by send */
};

struct rp_bus {
    struct rp_bus_config config;
    uint32_t mtu;
    uint32_t references; /* the owner's and one for each endpoint */

    /* receive: owned by whoever is BUSY */
    _Alignas(64) uint32_t state;
    bool quiet;               /* bells are off */
    int score;                /* of adaptive spinning */
    uint32_t skipped;         /* receives since the last spin */
    uint32_t *rx_buffer;      /* descriptor id -> buffer number */
    struct rp_endpoint **dynamic; /* address - 1024 -> endpoint */
    uint32_t num_dynamic;
    struct rp_endpoint *fixed[FIXED_BUCKETS];
    pthread_mutex_t table_lock; /* the table changes under BUSY and this; mark_dead reads it under this alone */
    struct rp_bus_stats stats;  /* receive half: one writer at a time; violations and held: any thread */

    /* the guard */
    _Alignas(64) uint32_t guard_taken;
    int guard_epoll; /* the doorbell, and `nudge`, told apart by enum guard_event */
    int nudge;       /* wakes the guard for a message that somebody else delivered */

    /* send: owned by tx_lock */
    _Alignas(64) pthread_mutex_t tx_lock;
    uint32_t tx_fresh;    /* buffers never used so far: handed out first, ascending */
    uint32_t *tx_buffer;  /* descriptor id -> buffer number */
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
    bool started;
    int notice;

    /* bells, counted by whoever answers one */
    bool throttled;
    bool storm;         /* the guard has seen one; the service thread does something about it */
    uint32_t fruitless; /* bells in a row without any progress */
    uint64_t progress;  /* messages seen at the last bell */
};

/* A statistic with one writer at a time and readers anywhere. */
#define STAT_ADD(field, amount) __atomic_store_n(&(field), (field) + (amount), __ATOMIC_RELAXED)

/* busy.c */
bool bus_try(struct rp_bus *bus);     /* become BUSY; false when somebody is, or the bus is dead */
bool bus_acquire(struct rp_bus *bus); /* the same, waiting; false when the bus is dead and nobody BUSY any more */
void bus_wait_for_guard(struct rp_bus *bus); /* of a dead bus: until the one who slept at the bell has left it */
void bus_release(struct rp_bus *bus); /* after it, a message that arrives rings a bell that somebody answers */
bool bus_is_dead(const struct rp_bus *bus);
void bus_mark_dead(struct rp_bus *bus);
void bus_mark_broken(struct rp_bus *bus, const struct ecu_driver *ring);
void bus_notice(struct rp_bus *bus);

/* bus.c */
void bus_get(struct rp_bus *bus);
void bus_put(struct rp_bus *bus);

/* service.c */
int bus_join_service(struct rp_bus *bus);
void bus_leave_service(struct rp_bus *bus);
void bus_answer_bell(struct rp_bus *bus);  /* take the notify ids, wake blocked senders */
void bus_count_guard_bell(struct rp_bus *bus);
void bus_ring_service(struct rp_bus *bus); /* have the service thread look at the rings */

/* pump.c; BUSY */
unsigned bus_pump(struct rp_bus *bus, struct rp_slot *slot);
int bus_post_rx(struct rp_bus *bus, uint32_t buffer);
void bus_publish_rx(struct rp_bus *bus);

/* endpoint.c */
struct rp_endpoint *bus_lookup(struct rp_bus *bus, uint32_t address); /* BUSY */
void bus_kill_endpoints(struct rp_bus *bus);
static inline bool endpoint_is_closed(const struct rp_endpoint *ept)
{
    return __atomic_load_n(&ept->closed, __ATOMIC_SEQ_CST);
}

void endpoint_wake_one(struct rp_endpoint *ept); /* locked */
void endpoint_tell_event(struct rp_endpoint *ept, bool readable); /* locked */

/* send.c */
void bus_wake_senders(struct rp_bus *bus); /* those that wait for a buffer, if there are any */

#endif
