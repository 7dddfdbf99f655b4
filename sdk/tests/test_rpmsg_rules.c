/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile host: message violations are counted under their rule and the buffer goes back; ring violations
 * end the link with -EIO. Linux: rpmsg_recv_single; there one bad message costs a buffer for good.
 */
#include "support/twice.h"

#include "support/rpmsg_script.h"

#define BUFFER_OFFSET (WORLD_BUFFER_DA - WORLD_BASE)
#define READABLE 0u

static struct twice memory;
static struct rpmsg_run run;

static void op(struct script *script, enum rpmsg_op code)
{
    put(script, 1, code);
}

static void post(struct script *script, uint32_t ring, uint32_t offset, uint32_t len, uint32_t flags)
{
    op(script, HOST_POST);
    put(script, 1, ring);
    put(script, 4, offset);
    put(script, 4, len);
    put(script, 2, flags);
}

static void header(struct script *script, uint32_t dst, uint32_t len, uint32_t what)
{
    op(script, HOST_HEADER);
    put(script, 4, BUFFER_OFFSET);
    put(script, 4, 1234);
    put(script, 4, dst);
    put(script, 2, len);
    put(script, 1, what);
}

static void notify(struct script *script)
{
    op(script, RPMSG_NOTIFY);
    put(script, 1, WORLD_NOTIFY_ID(1));
}

static void send(struct script *script, uint32_t len)
{
    op(script, RPMSG_SEND);
    put(script, 1, 0);
    put(script, 2, len);
}

/* Booted, link up, endpoint 0 at address 6. */
static struct script begin(void)
{
    struct script script = {.size = 0};

    put(&script, 1, 1);
    op(&script, RPMSG_BOOT);
    put(&script, 1, WORLD_TABLE_SIZE);
    op(&script, RPMSG_LINK);
    put(&script, 1, 1);
    op(&script, RPMSG_OPEN);
    put(&script, 1, 0);
    put(&script, 1, 6);
    return script;
}

static void finish(const struct script *script, const char *name)
{
    rpmsg_run_script(&run, memory.host, memory.remote, script->bytes, script->size);
    seed_save("fuzz_rpmsg", name, script->bytes, script->size);
}

static void expect_dropped(const struct script *script, const char *name, enum ecu_rule rule)
{
    finish(script, name);
    CHECK(run.result == 1 && run.received == 0 && run.world.rp.violations[rule] == 1);
    CHECK(run.world.rp.rx.broken == ECU_RULE_NONE);
    CHECK(run.world.rp.rx.ring.used->idx == 1); /* the buffer went back */
    CHECK(run.world.rp.no_recipient == 0);
}

static void test_message_shorter_than_its_header_is_dropped(void)
{
    static const uint32_t lengths[] = {0, 1, 15};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct script script = begin();

        header(&script, 6, 0, DO_NOTHING);
        post(&script, 1, BUFFER_OFFSET, lengths[i], READABLE);
        notify(&script);
        expect_dropped(&script, "msg_short", ECU_RULE_MSG_SHORT);
    }
}

static void test_length_past_the_end_of_the_message_is_dropped(void)
{
    static const uint32_t lengths[] = {5, 497, 60000, 65535};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct script script = begin();

        header(&script, 6, lengths[i], DO_NOTHING);
        post(&script, 1, BUFFER_OFFSET, 20, READABLE);
        notify(&script);
        expect_dropped(&script, "msg_len", ECU_RULE_MSG_LEN);
    }
}

static void test_longest_message_of_a_buffer_is_received(void)
{
    struct script script = begin();

    header(&script, 6, 65535, DO_NOTHING);
    post(&script, 1, BUFFER_OFFSET, 65551, READABLE);
    notify(&script);
    header(&script, 6, 0, DO_NOTHING);
    post(&script, 1, BUFFER_OFFSET, 16, READABLE);
    notify(&script);
    finish(&script, "msg_longest");
    CHECK(run.result == 1 && run.received == 2);
}

static void expect_sent_after(const struct script *script, const char *name, enum ecu_rule rule)
{
    const struct ecu_used *used;

    finish(script, name);
    used = run.world.rp.tx.ring.used;
    CHECK(run.result == 0 && run.world.rp.violations[rule] == 1);
    CHECK(used->idx == 2 && used->ring[0].len == 0 && used->ring[1].len == 26);
}

/* Messages need a peer first. */
static void learn_at(struct script *script, uint32_t dst)
{
    header(script, dst, 0, DO_NOTHING);
    post(script, 1, BUFFER_OFFSET, 16, READABLE);
    notify(script);
}

static void learn(struct script *script)
{
    learn_at(script, 6);
}

static void test_empty_buffer_that_is_not_writable_goes_back_unused(void)
{
    struct script script = begin();

    learn(&script);
    post(&script, 0, BUFFER_OFFSET + 512, 512, READABLE);
    post(&script, 0, BUFFER_OFFSET + 1024, 512, ECU_DESC_F_WRITE);
    send(&script, 10);
    expect_sent_after(&script, "msg_direction", ECU_RULE_MSG_DIRECTION);
    CHECK(run.world.host[BUFFER_OFFSET + 512] == 0);
}

static void test_empty_buffer_too_small_for_a_header_goes_back_unused(void)
{
    struct script script = begin();

    learn(&script);
    post(&script, 0, BUFFER_OFFSET + 512, 15, ECU_DESC_F_WRITE);
    post(&script, 0, BUFFER_OFFSET + 1024, 512, ECU_DESC_F_WRITE);
    send(&script, 10);
    expect_sent_after(&script, "tx_short", ECU_RULE_MSG_SHORT);
}

static void test_buffer_size_comes_from_the_descriptor(void)
{
    struct script script = begin();

    learn(&script);
    post(&script, 0, BUFFER_OFFSET + 512, 26, ECU_DESC_F_WRITE);
    send(&script, 11);
    finish(&script, "tx_size");
    CHECK(run.result == -ECU_EMSGSIZE && ecu_rpmsg_mtu(&run.world.rp) == 10 && run.world.rp.num_spare == 1);
    post(&script, 0, BUFFER_OFFSET + 1024, 0x18000, ECU_DESC_F_WRITE);
    send(&script, 10);
    op(&script, RPMSG_BORROW);
    put(&script, 1, 0);
    finish(&script, "tx_size_large");
    CHECK(run.result == 0 && run.borrowed[0].size == 65535); /* the header's length has 16 bits */
}

static void test_announcement_waits_for_a_buffer_that_holds_it(void)
{
    struct script script = {.size = 0};
    const struct ecu_used *used;

    put(&script, 1, 1);
    op(&script, RPMSG_BOOT);
    put(&script, 1, WORLD_TABLE_SIZE);
    op(&script, RPMSG_OPEN); /* an odd address: with a name */
    put(&script, 1, 0);
    put(&script, 1, 7);
    op(&script, RPMSG_LINK);
    put(&script, 1, 1);
    post(&script, 0, BUFFER_OFFSET + 512, 55, ECU_DESC_F_WRITE);
    learn_at(&script, 7);
    finish(&script, "tx_tiny");
    CHECK(run.result == 1 && run.world.rp.num_unannounced == 1 && run.world.rp.num_spare == 1);
    send(&script, 39); /* uses the tiny one up */
    post(&script, 0, BUFFER_OFFSET + 1024, 56, ECU_DESC_F_WRITE);
    notify(&script);
    finish(&script, "tx_tiny_then_good");
    used = run.world.rp.tx.ring.used;
    CHECK(run.result == 0 && run.world.rp.num_unannounced == 0 && used->idx == 2);
    CHECK(used->ring[0].len == 55 && used->ring[1].len == 56);
}

static void test_message_outside_memory_breaks_the_ring(void)
{
    static const struct {
        uint32_t offset, len;
    } cases[] = {
        {WORLD_SIZE, 16}, {WORLD_SIZE - 15, 16}, {0, 0xFFFFFFFF}, {0xFFFFFFF0, 32}, {(uint32_t)-1, 17},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct script script = begin();

        post(&script, 1, cases[i].offset, cases[i].len, READABLE);
        notify(&script);
        finish(&script, "rx_desc_da");
        CHECK(run.result == -ECU_EIO && run.world.rp.rx.broken == ECU_RULE_DESC_DA);
        CHECK(ecu_rpmsg_notify(&run.world.rp, WORLD_NOTIFY_ID(1)) == -ECU_EIO);
        CHECK(!ecu_rpmsg_pending(&run.world.rp));
    }
}

static void test_empty_buffer_outside_memory_breaks_the_ring(void)
{
    struct script script = begin();
    struct ecu_tx tx;

    learn(&script);
    post(&script, 0, WORLD_SIZE - 16, 512, ECU_DESC_F_WRITE);
    send(&script, 10);
    finish(&script, "tx_desc_da");
    CHECK(run.result == -ECU_EIO && run.world.rp.tx.broken == ECU_RULE_DESC_DA);
    CHECK(ecu_rpmsg_trysendto(&run.endpoints[0], 1, "x", 1) == -ECU_EIO);
    CHECK(ecu_rpmsg_borrow(&run.world.rp, &tx) == -ECU_EIO);
    CHECK(ecu_rpmsg_notify(&run.world.rp, WORLD_NOTIFY_ID(1)) == -ECU_EIO);
}

static void test_broken_ring_index_ends_notify(void)
{
    struct script script = begin();

    op(&script, HOST_WRITE);
    put(&script, 4, (uint32_t)(WORLD_RING_DA(1) - WORLD_BASE + ecu_vring_avail_offset(SCRIPT_RING) + 2));
    put(&script, 2, 9);
    notify(&script);
    finish(&script, "rx_avail_idx");
    CHECK(run.result == -ECU_EIO && run.world.rp.rx.broken == ECU_RULE_AVAIL_IDX_JUMP);
}

static void test_one_piece_of_memory_as_both_buffers_is_survived(void)
{
    struct script script = begin();

    header(&script, 6, 100, DO_ECHO);
    post(&script, 0, BUFFER_OFFSET + 8, 512, ECU_DESC_F_WRITE);
    post(&script, 1, BUFFER_OFFSET, 512, READABLE);
    notify(&script);
    finish(&script, "overlap");
    CHECK(run.result == 1 && run.received == 1 && run.world.rp.tx.ring.used->idx == 1);
}

static void test_long_conversation_as_a_seed(void)
{
    struct script script = begin();

    for (uint32_t i = 0; i < 6; i++) {
        header(&script, 6, 10, i == 4 ? DO_HOLD : DO_ECHO);
        post(&script, 0, BUFFER_OFFSET + 512 + 512 * i, 512, ECU_DESC_F_WRITE);
        post(&script, 1, BUFFER_OFFSET, 512, READABLE);
        notify(&script);
    }
    op(&script, RPMSG_RELEASE);
    op(&script, RPMSG_BORROW);
    put(&script, 1, 0);
    op(&script, RPMSG_SUBMIT);
    put(&script, 1, 0);
    put(&script, 2, 33);
    op(&script, RPMSG_LINK);
    put(&script, 1, 0);
    op(&script, RPMSG_CLOSE);
    put(&script, 1, 0);
    finish(&script, "conversation");
    CHECK(run.result == 0 && run.received == 6 && run.world.rp.num_endpoints == 0);
}

int main(void)
{
    memory = twice_make(WORLD_SIZE);
    test_message_shorter_than_its_header_is_dropped();
    test_length_past_the_end_of_the_message_is_dropped();
    test_longest_message_of_a_buffer_is_received();
    test_empty_buffer_that_is_not_writable_goes_back_unused();
    test_empty_buffer_too_small_for_a_header_goes_back_unused();
    test_buffer_size_comes_from_the_descriptor();
    test_announcement_waits_for_a_buffer_that_holds_it();
    test_message_outside_memory_breaks_the_ring();
    test_empty_buffer_outside_memory_breaks_the_ring();
    test_broken_ring_index_ends_notify();
    test_one_piece_of_memory_as_both_buffers_is_survived();
    test_long_conversation_as_a_seed();
    twice_free(&memory);
    return 0;
}
