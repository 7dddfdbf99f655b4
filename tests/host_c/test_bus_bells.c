/* SPDX-License-Identifier: Apache-2.0
 *
 * Bells that mean nothing, and bells that are not free.
 */
#define _GNU_SOURCE
#include "peer.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define FOREVER UINT64_MAX

struct sleeper {
    struct rp_endpoint *ept;
    int result;
    pthread_t thread;
};

static void *receive_once(void *argument)
{
    struct sleeper *s = argument;
    struct inbound in;
    s->result = receive(s->ept, &in, FOREVER);
    return NULL;
}

static struct rp_bus_stats stats_of(const struct peer *p)
{
    struct rp_bus_stats stats;
    rp_bus_stats(p->bus, &stats);
    return stats;
}

/* The bells go to the thread that sleeps in the receive, and it must not serve them without end either. */
static void storm(bool receiver_sleeps)
{
    struct peer *p = peer_new(16, 0);
    struct timespec pause = {.tv_nsec = 10000};
    struct sleeper s = {0};
    CHECK(rp_endpoint_open(p->bus, ECU_RPMSG_ADDR_ANY, 7, &s.ept) == 0);
    if (receiver_sleeps)
        CHECK(pthread_create(&s.thread, NULL, receive_once, &s) == 0);
    for (int i = 0; i < 100000 && stats_of(p).violations[ECU_RULE_BELL_STORM] < 3; i++) {
        peer_ring_host(p, 0);
        nanosleep(&pause, NULL);
    }
    CHECK(stats_of(p).violations[ECU_RULE_BELL_STORM] >= 3);
    CHECK(stats_of(p).empty_bells > 1000);
    CHECK(peer_send(p, 7, rp_endpoint_address(s.ept), "x", 1));
    if (receiver_sleeps)
        CHECK(pthread_join(s.thread, NULL) == 0);
    else
        receive_once(&s);
    CHECK(s.result == 1);
    rp_endpoint_free(s.ept);
    peer_free(p);
}

static void test_a_bell_storm_is_throttled_and_messages_still_come(void)
{
    storm(false);
}

static void test_a_bell_storm_is_throttled_while_a_receiver_sleeps(void)
{
    storm(true);
}

/* One bell, one bus: the second would get the bells of the first, or none. */
static void test_a_second_bus_on_the_same_bells_is_refused(void)
{
    struct peer *p = peer_new(16, 0);
    uint8_t area[PEER_RING] __attribute__((aligned(64)));
    struct ecu_driver rings[2];
    struct ecu_driver_slot slots[2][PEER_NUM];
    struct ecu_vring ring;
    uint8_t buffers[2 * PEER_BUFFER];
    struct sleeper s = {0};
    for (int i = 0; i < 2; i++) {
        memset(area, 0, sizeof area);
        CHECK(ecu_vring_map(&ring, area, sizeof area, PEER_NUM, PEER_ALIGN) == 0);
        CHECK(ecu_driver_init(&rings[i], &ring, slots[i]) == 0);
    }
    struct rp_bus_config config = {.rx = &rings[0], .tx = &rings[1], .rx_notify = 2, .tx_notify = 3, .bells = &p->bells,
                                   .lifeline = p->lifeline, .buffers = buffers, .buffers_da = PEER_DA,
                                   .buffer_size = PEER_BUFFER, .num_rx = 1, .num_tx = 1, .inbox = 4};
    struct rp_bus *second = rp_bus_new(&config);
    CHECK(second && rp_bus_start(second) == -EEXIST);
    rp_bus_free(second);
    CHECK(rp_endpoint_open(p->bus, ECU_RPMSG_ADDR_ANY, 7, &s.ept) == 0);
    CHECK(peer_send(p, 7, rp_endpoint_address(s.ept), "x", 1));
    receive_once(&s);
    CHECK(s.result == 1);
    rp_endpoint_free(s.ept);
    peer_free(p);
}

int main(void)
{
    test_a_bell_storm_is_throttled_and_messages_still_come();
    test_a_bell_storm_is_throttled_while_a_receiver_sleeps();
    test_a_second_bus_on_the_same_bells_is_refused();
    return 0;
}
