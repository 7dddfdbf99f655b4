/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose buffer it is: hold and release, borrow, submit and cancel, sending without a buffer, bells.
 */
#include "support/rpmsg_host.h"

static struct rpmsg_host host;
static struct host_message message;
static struct ecu_endpoint ept;
static struct ecu_message held[8];
static uint32_t num_held;

static enum ecu_rx hold(struct ecu_endpoint *at, const struct ecu_message *msg)
{
    (void)at;
    CHECK(num_held < 8);
    held[num_held++] = *msg;
    return ECU_RX_HOLD;
}

static enum ecu_rx echo(struct ecu_endpoint *at, const struct ecu_message *msg)
{
    CHECK(ecu_rpmsg_trysend(at, msg->data, msg->len) == 0);
    return ECU_RX_DONE;
}

static void open_up(uint32_t num, ecu_rx_fn on_message)
{
    num_held = 0;
    host_open(&host, num, 1);
    CHECK(host_link(&host, 1) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &ept, NULL, 7, on_message, NULL) == 0);
    ept.dst = 1;
    host.world.kicks[0] = host.world.kicks[1] = 0;
}

static void test_held_message_keeps_its_buffer_until_released(void)
{
    open_up(4, hold);
    for (uint32_t i = 0; i < 4; i++)
        CHECK(host_send(&host, 1, 7, &i, 4) == 0);
    CHECK(host_notify(&host) == 4 && num_held == 4);
    CHECK(host_send(&host, 1, 7, "x", 1) == -ECU_ENOSPC);
    for (uint32_t i = 4; i-- > 0;) { /* in any order */
        CHECK(memcmp(held[i].data, &i, 4) == 0 && held[i].len == 4 && held[i].src == 1);
        CHECK(ecu_rpmsg_release(&host.world.rp, &held[i]) == 0);
        CHECK(host_send(&host, 1, 7, "x", 1) == 0);
    }
    CHECK(ecu_rpmsg_release(&host.world.rp, &held[0]) == -ECU_EINVAL); /* nothing is held */
    host_close(&host);
}

static void test_release_after_link_down_is_refused_even_when_up_again(void)
{
    open_up(4, hold);
    CHECK(host_send(&host, 1, 7, "x", 1) == 0 && host_notify(&host) == 1);
    CHECK(host_link(&host, 0) == 0);
    CHECK(ecu_rpmsg_release(&host.world.rp, &held[0]) == -ECU_EINVAL);
    host_reset_rings(&host, 4);
    CHECK(host_link(&host, 1) == 0);
    CHECK(host_send(&host, 1, 7, "x", 1) == 0 && host_notify(&host) == 1);
    CHECK(ecu_rpmsg_release(&host.world.rp, &held[0]) == -ECU_EINVAL);
    CHECK(ecu_rpmsg_release(&host.world.rp, &held[1]) == 0);
    host_close(&host);
}

static void test_borrowed_buffer_is_sent_as_written(void)
{
    struct ecu_tx tx;

    open_up(4, hold);
    CHECK(ecu_rpmsg_borrow(&host.world.rp, &tx) == 0 && tx.size == 496);
    memcpy(tx.data, "written in place", 16);
    CHECK(ecu_rpmsg_submit(&ept, ECU_RPMSG_ADDR_ANY, &tx, 16) == -ECU_EINVAL);
    CHECK(ecu_rpmsg_submit(&ept, 9, &tx, 497) == -ECU_EMSGSIZE);
    CHECK(ecu_rpmsg_submit(&ept, 9, &tx, 16) == 0);
    CHECK(ecu_rpmsg_submit(&ept, 9, &tx, 16) == -ECU_EINVAL);
    CHECK(ecu_rpmsg_cancel(&host.world.rp, &tx) == -ECU_EINVAL);
    CHECK(host_receive(&host, &message) && message.used_len == 32);
    CHECK(message.hdr.dst == 9 && message.hdr.len == 16);
    CHECK(memcmp(message.bytes + 16, "written in place", 16) == 0);
    CHECK(!host_receive(&host, &message));
    host_close(&host);
}

static void test_cancelled_buffer_is_used_next_and_never_shown(void)
{
    struct ecu_tx tx[ECU_RPMSG_BORROW_MAX + 1];

    open_up(8, hold);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < ECU_RPMSG_BORROW_MAX; i++)
            CHECK(ecu_rpmsg_borrow(&host.world.rp, &tx[i]) == 0);
        CHECK(ecu_rpmsg_borrow(&host.world.rp, &tx[ECU_RPMSG_BORROW_MAX]) == -ECU_ENOMEM);
        CHECK(ecu_rpmsg_trysend(&ept, "x", 497) == -ECU_EMSGSIZE);
        for (uint32_t i = 0; i < ECU_RPMSG_BORROW_MAX; i++)
            CHECK(ecu_rpmsg_cancel(&host.world.rp, &tx[i]) == 0);
        world_check(&host.world);
        CHECK(!host_receive(&host, &message));
    }
    for (uint32_t i = 0; i < 8; i++) /* all eight buffers can still be sent */
        CHECK(ecu_rpmsg_trysend(&ept, &i, 4) == 0);
    CHECK(ecu_rpmsg_trysend(&ept, "x", 1) == -ECU_ENOMEM);
    for (uint32_t i = 0; i < 8; i++)
        CHECK(host_receive(&host, &message) && memcmp(message.bytes + 16, &i, 4) == 0);
    host_close(&host);
}

static void test_buffer_of_an_earlier_link_is_refused(void)
{
    struct ecu_tx tx;

    open_up(4, hold);
    CHECK(ecu_rpmsg_borrow(&host.world.rp, &tx) == 0);
    CHECK(host_link(&host, 0) == 0);
    CHECK(ecu_rpmsg_submit(&ept, 9, &tx, 1) == -ECU_ENOTCONN);
    CHECK(ecu_rpmsg_cancel(&host.world.rp, &tx) == -ECU_ENOTCONN);
    host_reset_rings(&host, 4);
    CHECK(host_link(&host, 1) == 0);
    CHECK(ecu_rpmsg_submit(&ept, 9, &tx, 1) == -ECU_EINVAL);
    CHECK(ecu_rpmsg_cancel(&host.world.rp, &tx) == -ECU_EINVAL);
    host_close(&host);
}

static void test_size_limits_and_order_of_errors(void)
{
    uint8_t data[600] = {0};

    open_up(2, hold);
    CHECK(ecu_rpmsg_mtu(&host.world.rp) == 496);
    CHECK(ecu_rpmsg_trysendto(&ept, ECU_RPMSG_ADDR_ANY, data, 600) == -ECU_EINVAL);
    CHECK(ecu_rpmsg_trysend(&ept, data, 497) == -ECU_EMSGSIZE);
    CHECK(ecu_rpmsg_trysend(&ept, data, 496) == 0 && ecu_rpmsg_trysend(&ept, NULL, 0) == 0);
    CHECK(ecu_rpmsg_trysend(&ept, data, 497) == -ECU_EMSGSIZE); /* also while there is no buffer */
    CHECK(ecu_rpmsg_trysend(&ept, data, 496) == -ECU_ENOMEM && ecu_rpmsg_mtu(&host.world.rp) == 496);
    CHECK(ecu_rpmsg_send(&ept, data, 496, 100) == -ECU_EAGAIN); /* this host cannot wait */
    CHECK(host_receive(&host, &message) && message.used_len == 512);
    CHECK(host_receive(&host, &message) && message.used_len == 16);
    host_close(&host);
}

static int wait_for_host(struct world *world, uint64_t deadline_ns)
{
    CHECK(deadline_ns == 100 && ecu_driver_needs_kick(&host.rings[0])); /* the sleeper asked for a bell */
    world->now_ns += 10;
    if (world->waits == 3)
        CHECK(host_receive(&host, &message));
    return 0; /* the first bells are for something else */
}

static int wait_in_vain(struct world *world, uint64_t deadline_ns)
{
    world->now_ns += 30;
    CHECK(world->waits < 10);
    return world->now_ns > deadline_ns && world->waits == 9 ? -ECU_ETIMEDOUT : 0;
}

static int wait_stopped(struct world *world, uint64_t deadline_ns)
{
    (void)world;
    (void)deadline_ns;
    return -ECU_ENOTCONN;
}

static void test_send_waits_for_a_buffer_until_the_deadline(void)
{
    open_up(1, hold);
    host.world.ops.wait = world_wait;
    CHECK(ecu_rpmsg_send(&ept, "x", 1, 100) == 0 && host.world.waits == 0);
    host.world.on_wait = wait_for_host;
    CHECK(ecu_rpmsg_send(&ept, "y", 1, 100) == 0 && host.world.waits == 3);
    CHECK(!ecu_driver_needs_kick(&host.rings[0])); /* quiet again */
    host.world.on_wait = wait_in_vain; /* bells without end: the clock decides */
    CHECK(ecu_rpmsg_send(&ept, "z", 1, 100) == -ECU_ETIMEDOUT && host.world.now_ns == 120);
    host.world.on_wait = wait_stopped;
    CHECK(ecu_rpmsg_send(&ept, "z", 1, 1000) == -ECU_ENOTCONN);
    host.world.ops.size = offsetof(struct ecu_host_ops, wait); /* an older host's table ends before it */
    CHECK(ecu_rpmsg_send(&ept, "z", 1, 1000) == -ECU_EAGAIN);
    CHECK(host_receive(&host, &message) && message.bytes[16] == 'y');
    host_close(&host);
}

static enum ecu_rx send_waiting(struct ecu_endpoint *at, const struct ecu_message *msg)
{
    CHECK(ecu_rpmsg_send(at, msg->data, msg->len, 100) == 0);
    return ECU_RX_DONE;
}

static int wait_needs_returned_buffers(struct world *world, uint64_t deadline_ns)
{
    struct ecu_reaped reaped;

    /* The host waits for its own transmit buffers before it looks at ours: what the batch holds back must
     * be out. */
    (void)deadline_ns;
    CHECK(world->kicks[0] > 0 && ecu_driver_reap(&host.rings[1], &reaped) == 1);
    CHECK(host_receive(&host, &message));
    return 0;
}

static void test_send_inside_a_batch_returns_buffers_before_it_sleeps(void)
{
    open_up(2, send_waiting);
    host.world.ops.wait = world_wait;
    host.world.on_wait = wait_needs_returned_buffers;
    CHECK(ecu_rpmsg_trysend(&ept, "x", 1) == 0); /* one of two buffers is gone */
    CHECK(host_send(&host, 1, 7, "a", 1) == 0 && host_send(&host, 1, 7, "b", 1) == 0);
    CHECK(host_notify(&host) == 2 && host.world.waits == 1);
    host_close(&host);
}

static void test_batch_is_published_once_and_rings_once(void)
{
    open_up(8, echo);
    ecu_driver_listen(&host.rings[1]); /* a sender of the host sleeps */
    for (uint32_t i = 0; i < 8; i++)
        CHECK(host_send(&host, 1, 7, &i, 4) == 0);
    CHECK(ecu_rpmsg_pending(&host.world.rp));
    CHECK(host_notify(&host) == 8 && !ecu_rpmsg_pending(&host.world.rp));
    CHECK(host.world.kicks[0] == 1 && host.world.kicks[1] == 1);
    ecu_driver_quiet(&host.rings[1]); /* read again for each batch */
    ecu_driver_quiet(&host.rings[0]);
    for (uint32_t i = 0; i < 8; i++)
        CHECK(host_receive(&host, &message) && memcmp(message.bytes + 16, &i, 4) == 0);
    CHECK(host_send(&host, 1, 7, "x", 1) == 0 && host_notify(&host) == 1);
    CHECK(host.world.kicks[0] == 1 && host.world.kicks[1] == 1);
    CHECK(ecu_rpmsg_notify(&host.world.rp, 99) == 0);
    host_close(&host);
}

static void test_rpmsg_lite_master_is_understood(void)
{
    struct ecu_buffer part = {.da = host_buffer_da(8), .len = WORLD_BUFFER_SIZE, .device_writes = true};
    struct ecu_rpmsg_hdr hdr = {.src = 1, .dst = 7, .reserved = 0x20000, .len = 3};

    num_held = 0;
    host_open(&host, 4, 0);
    /* Its used ring of vring1 is full of transmit buffers before the link is up; messages have the full
     * length, and WRITE set. */
    host.rings[1].ring.used->idx = 4;
    CHECK(ecu_driver_init(&host.rings[1], &host.rings[1].ring, host.slots[1]) == 0);
    CHECK(host_link(&host, 1) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &ept, NULL, 7, hold, NULL) == 0);
    memcpy(host_va(&host, host_buffer_da(8)), &hdr, sizeof hdr);
    CHECK(ecu_driver_offer(&host.rings[1], &part, 1) == 0);
    ecu_driver_publish(&host.rings[1]);
    CHECK(host_notify(&host) == 1 && num_held == 1 && held[0].len == 3);
    CHECK(ecu_rpmsg_release(&host.world.rp, &held[0]) == 0 && host.rings[1].ring.used->idx == 5);
    host_close(&host);
}

int main(void)
{
    test_held_message_keeps_its_buffer_until_released();
    test_release_after_link_down_is_refused_even_when_up_again();
    test_borrowed_buffer_is_sent_as_written();
    test_cancelled_buffer_is_used_next_and_never_shown();
    test_buffer_of_an_earlier_link_is_refused();
    test_size_limits_and_order_of_errors();
    test_send_waits_for_a_buffer_until_the_deadline();
    test_send_inside_a_batch_returns_buffers_before_it_sleeps();
    test_batch_is_published_once_and_rings_once();
    test_rpmsg_lite_master_is_understood();
    return 0;
}
