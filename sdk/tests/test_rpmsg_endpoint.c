/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints: addresses, lookup, who learns what from whom, announcements over link-ups.
 */
#include "support/rpmsg_host.h"

#define MANY 1000u

static struct rpmsg_host host;
static struct host_message message;
static struct ecu_endpoint many[MANY];
static struct ecu_endpoint *last_called;
static uint32_t last_src;

static enum ecu_rx note(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    last_called = ept;
    last_src = msg->src;
    return ECU_RX_DONE;
}

static void open_many(const char *name)
{
    for (uint32_t i = 0; i < MANY; i++)
        CHECK(ecu_rpmsg_open(&host.world.rp, &many[i], name, ECU_RPMSG_ADDR_ANY, note, NULL) == 0);
}

static void test_each_of_1000_endpoints_gets_its_own_messages(void)
{
    host_open(&host, 8, 1);
    CHECK(host_link(&host, 1) == 0);
    open_many(NULL);
    for (uint32_t i = 0; i < MANY; i++) {
        CHECK(many[i].addr == ECU_RPMSG_ADDR_DYNAMIC + i);
        CHECK(host_send(&host, 9000 + i, many[i].addr, &i, sizeof i) == 0);
        CHECK(host_notify(&host) == 1 && last_called == &many[i] && many[i].dst == 9000 + i);
    }
    CHECK(host.world.rp.num_endpoints == MANY && host.world.rp.no_recipient == 0);
    host_close(&host);
}

static void test_lowest_free_address_is_handed_out(void)
{
    struct ecu_endpoint ept;

    host_open(&host, 8, 1);
    open_many(NULL);
    CHECK(ecu_rpmsg_close(&many[500]) == 0 && ecu_rpmsg_close(&many[10]) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &ept, NULL, ECU_RPMSG_ADDR_ANY, note, NULL) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &many[10], NULL, ECU_RPMSG_ADDR_ANY, note, NULL) == 0);
    CHECK(ept.addr == 1034 && many[10].addr == 1524);
    world_check(&host.world);
    host_close(&host);
}

static void test_taken_address_is_refused(void)
{
    struct ecu_endpoint a, b;

    host_open(&host, 8, 1);
    CHECK(ecu_rpmsg_open(&host.world.rp, &a, "a", 53, note, NULL) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &b, "b", 53, note, NULL) == -ECU_EADDRINUSE);
    CHECK(ecu_rpmsg_close(&b) == -ECU_EINVAL);
    CHECK(ecu_rpmsg_open(&host.world.rp, &b, "b", 53 + WORLD_BUCKETS, note, NULL) == 0); /* same bucket */
    CHECK(ecu_rpmsg_close(&a) == 0);
    CHECK(ecu_rpmsg_close(&a) == -ECU_EINVAL);
    CHECK(ecu_rpmsg_open(&host.world.rp, &a, "a", 53, note, NULL) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &many[0], "c", 0xFFFFFFFE, note, NULL) == 0);
    world_check(&host.world);
    host_close(&host);
}

static void test_first_message_tells_the_peer_address(void)
{
    struct ecu_endpoint ept;

    host_open(&host, 8, 1);
    CHECK(host_link(&host, 1) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &ept, NULL, 7, note, NULL) == 0);
    CHECK(ecu_rpmsg_trysend(&ept, "x", 1) == -ECU_EINVAL);
    CHECK(host_send(&host, ECU_RPMSG_ADDR_ANY, 7, "x", 1) == 0 && host_notify(&host) == 1);
    CHECK(ept.dst == ECU_RPMSG_ADDR_ANY); /* ANY is no address */
    CHECK(host_send(&host, 1111, 7, "x", 1) == 0 && host_send(&host, 2222, 7, "x", 1) == 0);
    CHECK(host_notify(&host) == 2 && last_src == 2222 && ept.dst == 1111);
    CHECK(ecu_rpmsg_trysend(&ept, "x", 1) == 0);
    CHECK(host_receive(&host, &message) && message.hdr.dst == 1111 && message.hdr.src == 7);
    host_close(&host);
}

static void test_message_for_nobody_is_counted_and_its_buffer_returned(void)
{
    struct ecu_endpoint deaf;

    host_open(&host, 8, 1);
    CHECK(host_link(&host, 1) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &deaf, NULL, 8, NULL, NULL) == 0);
    for (uint32_t i = 0; i < 30; i++) { /* more than there are buffers */
        CHECK(host_send(&host, 1, i % 2 ? 8 : 7, "x", 1) == 0);
        CHECK(host_notify(&host) == 1);
    }
    CHECK(host.world.rp.no_recipient == 15);
    host_close(&host);
}

static uint32_t count_announcements(uint32_t flags)
{
    uint32_t count = 0;

    while (host_receive(&host, &message)) {
        struct ecu_rpmsg_ns ns;

        memcpy(&ns, message.bytes + 16, sizeof ns);
        CHECK(message.hdr.dst == ECU_RPMSG_ADDR_NS && message.hdr.src == ns.addr && ns.flags == flags);
        count++;
    }
    return count;
}

static void test_link_down_and_up_announces_again_and_forgets_the_peer(void)
{
    struct ecu_endpoint named, fixed;

    host_open(&host, 8, 1);
    CHECK(ecu_rpmsg_open(&host.world.rp, &named, "service", 7, note, NULL) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &fixed, NULL, 8, note, NULL) == 0);
    fixed.dst = 99; /* set by its owner, not learned */
    for (int round = 0; round < 3; round++) {
        CHECK(host_link(&host, 1) == 0);
        CHECK(count_announcements(0) == 1 && named.announced);
        CHECK(host_send(&host, 1234, 7, "x", 1) == 0 && host_send(&host, 1234, 8, "x", 1) == 0);
        CHECK(host_notify(&host) == 2 && named.dst == 1234);
        CHECK(host_link(&host, 0) == 0);
        CHECK(!named.announced && named.dst == ECU_RPMSG_ADDR_ANY && fixed.dst == 99);
        CHECK(ecu_rpmsg_trysendto(&named, 1, "x", 1) == -ECU_ENOTCONN && ecu_rpmsg_mtu(&host.world.rp) == 0);
        CHECK(host_notify(&host) == 0 && !ecu_rpmsg_pending(&host.world.rp));
        host_reset_rings(&host, 8);
    }
    host_close(&host);
}

/* 1000 names and 8 buffers: the rest follows whenever the host has returned some, for which ring 0 asks. */
static void test_announcements_beyond_the_buffers_follow_later(void)
{
    uint32_t count = 0;

    host_open(&host, 8, 1);
    open_many("service");
    CHECK(host_link(&host, 1) == 0);
    while (count < MANY) {
        uint32_t more = count_announcements(0);

        CHECK(more == 8 && (ecu_driver_needs_kick(&host.rings[0]) || count + more == MANY));
        count += more;
        CHECK(ecu_rpmsg_notify(&host.world.rp, WORLD_NOTIFY_ID(0)) == 0);
    }
    CHECK(count == MANY && count_announcements(0) == 0);
    CHECK(host.world.rp.num_unannounced == 0 && !ecu_driver_needs_kick(&host.rings[0]));
    host_close(&host);
}

static void test_open_without_a_buffer_for_the_announcement_opens_nothing(void)
{
    struct ecu_endpoint a, b;

    host_open(&host, 1, 1);
    CHECK(host_link(&host, 1) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &a, "a", 7, note, NULL) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &b, "b", 8, note, NULL) == -ECU_ENOMEM);
    CHECK(host.world.rp.num_endpoints == 1);
    CHECK(ecu_rpmsg_close(&a) == -ECU_ENOMEM && host.world.rp.num_endpoints == 0); /* closed all the same */
    CHECK(count_announcements(0) == 1);
    host_close(&host);
}

static enum ecu_rx close_myself(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    (void)msg;
    last_called = ept;
    CHECK(ecu_rpmsg_close(ept) == 0);
    memset(ept, 0xEE, sizeof *ept); /* the storage is the caller's again */
    return ECU_RX_DONE;
}

static void test_endpoint_may_close_itself_in_its_callback(void)
{
    struct ecu_endpoint ept;

    host_open(&host, 8, 1);
    CHECK(host_link(&host, 1) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &ept, "once", 7, close_myself, NULL) == 0);
    CHECK(host_send(&host, 1, 7, "x", 1) == 0 && host_send(&host, 1, 7, "x", 1) == 0);
    CHECK(host_notify(&host) == 2 && last_called == &ept);
    CHECK(host.world.rp.no_recipient == 1 && host.world.rp.num_endpoints == 0);
    host_close(&host);
}

int main(void)
{
    test_each_of_1000_endpoints_gets_its_own_messages();
    test_lowest_free_address_is_handed_out();
    test_taken_address_is_refused();
    test_first_message_tells_the_peer_address();
    test_message_for_nobody_is_counted_and_its_buffer_returned();
    test_link_down_and_up_announces_again_and_forgets_the_peer();
    test_announcements_beyond_the_buffers_follow_later();
    test_open_without_a_buffer_for_the_announcement_opens_nothing();
    test_endpoint_may_close_itself_in_its_callback();
    return 0;
}
