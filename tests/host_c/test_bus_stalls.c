/* SPDX-License-Identifier: Apache-2.0
 *
 * Lost wake-ups: a peer answers at an instant that is swept across the moment at which the receiver falls asleep. A receive that
 * times out although its answer lies in the ring is a stall; there must be none. Several receivers at once exercise guard,
 * followers and service thread. RPROC_STALL_ROUNDS sets the length.
 *
 * Negative control: with the peer's last bell suppressed the same harness does count stalls.
 */
#define _GNU_SOURCE
#include "peer.h"

#include <pthread.h>
#include <time.h>

#define RECEIVERS 3
#define TIMEOUT_NS 2000000000u

struct answerer {
    struct peer *peer;
    bool stop;
    bool lose_bells; /* the negative control */
    pthread_t thread;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void busy_wait(uint64_t ns)
{
    for (uint64_t end = now_ns() + ns; now_ns() < end;)
        ;
}

static void *answer(void *argument)
{
    struct answerer *a = argument;
    struct peer *p = a->peer;
    struct ecu_rpmsg_hdr hdr;
    uint8_t data[PEER_BUFFER];
    unsigned delay = 0;
    while (!__atomic_load_n(&a->stop, __ATOMIC_SEQ_CST)) {
        peer_sleep(p);
        while (peer_receive(p, &hdr, data)) {
            delay = (delay + 97) % 12000; /* 0 to 12 µs, across the instant of falling asleep */
            busy_wait(a->lose_bells ? 20000000u : delay);
            CHECK(peer_stage(p, hdr.dst, hdr.src, data, hdr.len));
            ecu_device_publish(&p->to_host);
            if (!a->lose_bells && ecu_device_needs_kick(&p->to_host))
                peer_ring_host(p, 0);
        }
    }
    return NULL;
}

struct receiver {
    struct rp_endpoint *ept;
    uint32_t rounds;
    uint32_t stalls;
    pthread_t thread;
};

static void *ping(void *argument)
{
    struct receiver *r = argument;
    struct inbound in;
    for (uint32_t i = 0; i < r->rounds; i++) {
        uint64_t deadline = now_ns() + TIMEOUT_NS;
        CHECK(rp_send(r->ept, 7, &i, sizeof i, deadline) == 0);
        CHECK(receive(r->ept, &in, deadline) == 1);
        CHECK(memcmp(payload(&in), &i, sizeof i) == 0);
        /* Found by the last look after the time-out, which hides a lost wake-up: that is one. */
        if (now_ns() >= deadline)
            r->stalls++;
    }
    return NULL;
}

static uint32_t run(uint32_t receivers, uint32_t rounds, uint64_t spin_ns, bool lose_bells)
{
    struct peer *p = peer_new(64, spin_ns);
    struct answerer a = {.peer = p, .lose_bells = lose_bells};
    struct receiver r[RECEIVERS];
    uint32_t stalls = 0;
    CHECK(pthread_create(&a.thread, NULL, answer, &a) == 0);
    for (uint32_t i = 0; i < receivers; i++) {
        r[i] = (struct receiver){.rounds = rounds};
        CHECK(rp_endpoint_open(p->bus, ECU_RPMSG_ADDR_ANY, 7, &r[i].ept) == 0);
        CHECK(pthread_create(&r[i].thread, NULL, ping, &r[i]) == 0);
    }
    for (uint32_t i = 0; i < receivers; i++) {
        pthread_join(r[i].thread, NULL);
        stalls += r[i].stalls;
    }
    __atomic_store_n(&a.stop, true, __ATOMIC_SEQ_CST);
    pthread_join(a.thread, NULL);
    for (uint32_t i = 0; i < receivers; i++)
        rp_endpoint_free(r[i].ept);
    peer_free(p);
    return stalls;
}

int main(void)
{
    const char *text = getenv("RPROC_STALL_ROUNDS");
    uint32_t rounds = text ? (uint32_t)strtoul(text, NULL, 10) : 20000;
    CHECK(run(1, rounds, 0, false) == 0);
    CHECK(run(1, rounds, 20000, false) == 0);
    CHECK(run(RECEIVERS, rounds / RECEIVERS, 0, false) == 0);
    CHECK(run(RECEIVERS, rounds / RECEIVERS, 5000, false) == 0);
    CHECK(run(1, 1, 0, true) == 1);
    return 0;
}
