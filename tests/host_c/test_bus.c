/* SPDX-License-Identifier: Apache-2.0
 *
 * The host bus against a well-behaved peer: addresses, order, inboxes, descriptors, buffers, death.
 */
#define _GNU_SOURCE
#include "peer.h"

#include <errno.h>
#include <pthread.h>

#define FOREVER UINT64_MAX

static struct rp_endpoint *open_ept(struct peer *p, uint32_t address)
{
    struct rp_endpoint *ept = NULL;
    CHECK(rp_endpoint_open(p->bus, address, 0x400, &ept) == 0);
    return ept;
}

static bool readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, 0) == 1;
}

static void test_addresses_are_the_lowest_free_from_1024(void)
{
    struct peer *p = peer_new(16, 0);
    struct rp_endpoint *a = open_ept(p, ECU_RPMSG_ADDR_ANY);
    struct rp_endpoint *b = open_ept(p, ECU_RPMSG_ADDR_ANY);
    struct rp_endpoint *none = NULL;
    CHECK(rp_endpoint_address(a) == 1024 && rp_endpoint_address(b) == 1025);
    CHECK(rp_endpoint_open(p->bus, 1025, 0, &none) == -EADDRINUSE && !none);
    CHECK(rp_endpoint_open(p->bus, 0x80000000u, 0, &none) == -EINVAL);
    rp_endpoint_free(a);
    a = open_ept(p, ECU_RPMSG_ADDR_ANY);
    CHECK(rp_endpoint_address(a) == 1024);
    rp_endpoint_free(a);
    rp_endpoint_free(b);
    peer_free(p);
}

/* A fixed address beyond the table must still be found, and not handed out, once the table has grown over it. */
static void test_fixed_address_in_the_dynamic_range_survives_growth(void)
{
    struct peer *p = peer_new(16, 0);
    struct rp_endpoint *fixed = open_ept(p, 1024 + 20);
    struct rp_endpoint *many[40];
    struct inbound in;
    for (int i = 0; i < 40; i++) {
        many[i] = open_ept(p, ECU_RPMSG_ADDR_ANY);
        CHECK(rp_endpoint_address(many[i]) == 1024u + (uint32_t)i + (i >= 20));
    }
    CHECK(peer_send(p, 7, 1024 + 20, "x", 1));
    CHECK(receive(fixed, &in, FOREVER) == 1 && head(&in)->src == 7 && head(&in)->len == 1 && payload(&in)[0] == 'x');
    rp_endpoint_free(fixed);
    fixed = open_ept(p, 1024 + 20);
    rp_endpoint_free(fixed);
    for (int i = 0; i < 40; i++)
        rp_endpoint_free(many[i]);
    peer_free(p);
}

static void test_messages_keep_their_order_whether_queued_or_direct(void)
{
    struct peer *p = peer_new(4096, 0);
    struct rp_endpoint *ept = open_ept(p, ECU_RPMSG_ADDR_ANY);
    struct inbound in;
    uint32_t sent = 0, received = 0;
    while (received < 20000) {
        while (sent < received + PEER_NUM && peer_stage(p, 1, 1024, &sent, sizeof sent))
            sent++;
        peer_flush(p);
        for (int burst = 0; burst < 5 && received < sent; burst++) {
            CHECK(receive(ept, &in, FOREVER) == 1 && head(&in)->len == sizeof received);
            CHECK(memcmp(payload(&in), &received, sizeof received) == 0);
            received++;
        }
    }
    rp_endpoint_free(ept);
    peer_free(p);
}

static void test_full_inbox_drops_the_newest_and_counts(void)
{
    struct peer *p = peer_new(4, 0);
    struct rp_endpoint *ept = open_ept(p, ECU_RPMSG_ADDR_ANY);
    struct rp_endpoint *other = open_ept(p, ECU_RPMSG_ADDR_ANY);
    struct rp_endpoint_stats stats;
    struct inbound in;
    for (uint8_t i = 0; i < 10; i++)
        CHECK(peer_stage(p, 1, 1024, &i, 1));
    ecu_device_publish(&p->to_host);
    CHECK(receive(other, &in, 0) == -EAGAIN); /* whoever receives pumps for everybody */
    rp_endpoint_stats(ept, &stats);
    CHECK(stats.queued == 4 && stats.dropped == 6 && stats.rx_messages == 10);
    for (uint8_t i = 0; i < 4; i++)
        CHECK(receive(ept, &in, 0) == 1 && payload(&in)[0] == i);
    CHECK(receive(ept, &in, 0) == -EAGAIN);
    rp_endpoint_free(ept);
    rp_endpoint_free(other);
    peer_free(p);
}

static void test_descriptor_is_readable_exactly_while_messages_are_queued(void)
{
    struct peer *p = peer_new(16, 0);
    struct rp_endpoint *ept = open_ept(p, ECU_RPMSG_ADDR_ANY);
    struct inbound in;
    int fd = rp_endpoint_fd(ept);
    struct pollfd one = {.fd = fd, .events = POLLIN};
    struct rp_endpoint_stats stats;
    CHECK(fd >= 0 && fd == rp_endpoint_fd(ept) && !readable(fd));
    CHECK(peer_send(p, 1, 1024, "a", 1) && peer_send(p, 1, 1024, "b", 1));
    CHECK(poll(&one, 1, 10000) == 1); /* the service thread queues them: nobody receives here */
    for (stats.queued = 0; stats.queued < 2; usleep(100))
        rp_endpoint_stats(ept, &stats);
    CHECK(receive(ept, &in, FOREVER) == 1 && readable(fd));
    CHECK(receive(ept, &in, FOREVER) == 1);
    CHECK(receive(ept, &in, 0) == -EAGAIN && !readable(fd));
    rp_lifeline_cut(p->lifeline);
    CHECK(readable(fd) && receive(ept, &in, FOREVER) == -EPIPE && readable(fd));
    rp_endpoint_free(ept);
    peer_free(p);
}

static void test_borrowed_buffers_come_back_and_two_stay_with_the_core(void)
{
    struct peer *p = peer_new(64, 0);
    struct rp_endpoint *ept = open_ept(p, ECU_RPMSG_ADDR_ANY);
    struct inbound in;
    struct rp_bus_stats stats;
    uint32_t held[PEER_NUM];
    unsigned borrowed = 0;
    for (uint8_t i = 0; i < PEER_NUM; i++) {
        CHECK(peer_stage(p, 1, 1024, &i, 1));
        ecu_device_publish(&p->to_host); /* no bell: the ring is looked at by this thread alone */
        in.slot = (struct rp_slot){.ept = ept, .records = in.bytes, .stride = sizeof in.bytes, .max = 1, .borrow = true};
        CHECK(rp_recv(&in.slot) == 1);
        CHECK((in.slot.borrowed ? in.slot.borrowed : payload(&in))[0] == i);
        if (in.slot.borrowed)
            held[borrowed++] = in.slot.borrowed_buffer;
    }
    rp_bus_stats(p->bus, &stats);
    CHECK(borrowed == PEER_NUM - 2 && stats.held == borrowed);
    for (unsigned i = 0; i < borrowed; i++)
        rp_release(p->bus, held[i]);
    rp_bus_stats(p->bus, &stats);
    CHECK(stats.held == 0);
    for (uint8_t i = 0; i < PEER_NUM; i++)
        CHECK(peer_stage(p, 1, 1024, &i, 1));
    rp_endpoint_free(ept);
    peer_free(p);
}

static void test_send_checks_in_linux_order(void)
{
    struct peer *p = peer_new(16, 0);
    struct rp_endpoint *ept = open_ept(p, ECU_RPMSG_ADDR_ANY);
    static const uint8_t big[PEER_BUFFER];
    CHECK(rp_send(ept, ECU_RPMSG_ADDR_ANY, big, sizeof big, 0) == -EINVAL); /* address before size */
    CHECK(rp_send(ept, 5, big, 497, 0) == -EMSGSIZE);
    for (unsigned i = 0; i < PEER_NUM; i++)
        CHECK(rp_send(ept, 5, big, 496, 0) == 0);
    CHECK(rp_send(ept, 5, big, 497, 0) == -EMSGSIZE); /* size before buffer */
    CHECK(rp_send(ept, 5, big, 0, 0) == -EAGAIN);
    CHECK(rp_send(ept, 5, big, 0, 1) == -ETIMEDOUT);
    rp_lifeline_cut(p->lifeline);
    CHECK(rp_send(ept, 5, big, 0, 0) == -EPIPE);
    rp_endpoint_close(ept);
    CHECK(rp_send(ept, 5, big, 0, 0) == -EBADF);
    rp_endpoint_free(ept);
    peer_free(p);
}

struct sender {
    struct rp_endpoint *ept;
    int result;
};

static void *send_blocking(void *argument)
{
    struct sender *s = argument;
    s->result = rp_send(s->ept, 5, "x", 1, FOREVER);
    return NULL;
}

/* The core sees NO_INTERRUPT clear while a sender sleeps, and its bell wakes the sender. */
static void test_blocked_sender_is_woken_by_a_returned_buffer(void)
{
    struct peer *p = peer_new(16, 0);
    struct rp_endpoint *ept = open_ept(p, ECU_RPMSG_ADDR_ANY);
    struct sender s = {.ept = ept, .result = 1};
    struct ecu_rpmsg_hdr hdr;
    uint8_t data[PEER_BUFFER];
    pthread_t thread;
    for (unsigned i = 0; i < PEER_NUM; i++)
        CHECK(rp_send(ept, 5, "y", 1, 0) == 0);
    CHECK(pthread_create(&thread, NULL, send_blocking, &s) == 0);
    while (__atomic_load_n(&p->from_host.ring.avail->flags, __ATOMIC_SEQ_CST) & ECU_AVAIL_F_NO_INTERRUPT)
        usleep(100);
    CHECK(peer_receive(p, &hdr, data) && hdr.len == 1 && data[0] == 'y');
    pthread_join(thread, NULL);
    CHECK(s.result == 0);
    rp_endpoint_free(ept);
    peer_free(p);
}

static void *receive_blocking(void *argument)
{
    struct sender *s = argument;
    struct inbound in;
    s->result = receive(s->ept, &in, FOREVER);
    return NULL;
}

static void test_death_wakes_every_receiver(void)
{
    struct peer *p = peer_new(16, 0);
    struct sender s[6];
    pthread_t threads[6];
    for (int i = 0; i < 6; i++) {
        s[i] = (struct sender){.ept = i % 2 ? s[i - 1].ept : open_ept(p, ECU_RPMSG_ADDR_ANY)};
        CHECK(pthread_create(&threads[i], NULL, receive_blocking, &s[i]) == 0);
    }
    usleep(20000);
    rp_lifeline_cut(p->lifeline);
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        CHECK(s[i].result == -EPIPE);
    }
    for (int i = 0; i < 6; i += 2)
        rp_endpoint_free(s[i].ept);
    peer_free(p);
}

static void test_close_wakes_the_receiver_and_frees_the_address(void)
{
    struct peer *p = peer_new(16, 0);
    struct sender s = {.ept = open_ept(p, ECU_RPMSG_ADDR_ANY)};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, receive_blocking, &s) == 0);
    usleep(20000);
    rp_endpoint_close(s.ept);
    pthread_join(thread, NULL);
    CHECK(s.result == -EBADF && rp_endpoint_fd(s.ept) == -EBADF);
    struct rp_endpoint *again = open_ept(p, 1024);
    rp_endpoint_free(again);
    rp_endpoint_free(s.ept);
    peer_free(p);
}

static void test_send_many_uses_one_bell_per_batch(void)
{
    struct peer *p = peer_new(16, 0);
    struct rp_endpoint *ept = open_ept(p, ECU_RPMSG_ADDR_ANY);
    uint32_t lens[PEER_NUM];
    uint8_t data[PEER_NUM], got[PEER_BUFFER];
    struct ecu_rpmsg_hdr hdr;
    for (uint8_t i = 0; i < PEER_NUM; i++) {
        data[i] = i;
        lens[i] = 1;
    }
    uint64_t before = p->bells.kicks;
    CHECK(rp_send_many(ept, 9, data, lens, PEER_NUM, 0) == (int)PEER_NUM);
    CHECK(p->bells.kicks == before + 1);
    CHECK(rp_send_many(ept, 9, data, lens, 3, 0) == -EAGAIN);
    for (uint8_t i = 0; i < PEER_NUM; i++)
        CHECK(peer_receive(p, &hdr, got) && hdr.src == 1024 && hdr.dst == 9 && got[0] == i);
    rp_endpoint_free(ept);
    peer_free(p);
}

int main(void)
{
    test_addresses_are_the_lowest_free_from_1024();
    test_fixed_address_in_the_dynamic_range_survives_growth();
    test_messages_keep_their_order_whether_queued_or_direct();
    test_full_inbox_drops_the_newest_and_counts();
    test_descriptor_is_readable_exactly_while_messages_are_queued();
    test_borrowed_buffers_come_back_and_two_stay_with_the_core();
    test_send_checks_in_linux_order();
    test_blocked_sender_is_woken_by_a_returned_buffer();
    test_death_wakes_every_receiver();
    test_close_wakes_the_receiver_and_frees_the_address();
    test_send_many_uses_one_bell_per_batch();
    return 0;
}
