/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile driver breaks each rule that the device watches, once: the rule is named, and the queue answers
 * -EIO from then on.
 */
#include "support/twice.h"

#include "support/device_script.h"

#define NUM_8 3u /* first byte of a script: a ring of 8 */

static struct twice memory;

static struct script begin(void)
{
    struct script script = {.size = 0};

    put(&script, 1, NUM_8);
    return script;
}

static void desc(struct script *script, uint32_t index, uint32_t len, uint32_t flags, uint32_t next)
{
    put(script, 1, PEER_DESC);
    put(script, 1, index);
    put(script, 4, 0x1000 * index);
    put(script, 4, len);
    put(script, 2, flags);
    put(script, 2, next);
}

static void avail(struct script *script, uint32_t head)
{
    put(script, 1, PEER_AVAIL);
    put(script, 2, head);
}

static void avail_idx(struct script *script, uint32_t delta)
{
    put(script, 1, PEER_AVAIL_IDX);
    put(script, 2, delta);
}

static void take(struct script *script, uint32_t max_parts)
{
    put(script, 1, DEVICE_TAKE);
    put(script, 1, max_parts);
}

static struct device_run finish(const struct script *script, const char *name)
{
    struct device_run run;

    device_run_script(&run, memory.host, memory.remote, script->bytes, script->size);
    seed_save("fuzz_device", name, script->bytes, script->size);
    return run;
}

static void expect_broken(const struct script *script, const char *name, enum ecu_rule rule)
{
    struct device_run run = finish(script, name);
    struct ecu_buffer parts[8];
    struct ecu_chain chain;
    uint16_t idx = run.ring.used->idx;

    CHECK(run.device.broken == rule && run.result == -ECU_EIO);
    for (int i = 0; i < 3; i++)
        CHECK(ecu_device_take(&run.device, &chain, parts, 8) == -ECU_EIO);
    ecu_device_give(&run.device, 0, 0);
    ecu_device_publish(&run.device);
    CHECK(run.ring.used->idx == idx);
    CHECK(!ecu_device_needs_kick(&run.device));
    CHECK(!ecu_device_pending(&run.device) && !ecu_device_listen(&run.device));
    ecu_device_break(&run.device, ECU_RULE_DESC_DA);
    CHECK(run.device.broken == rule); /* the first rule stays readable */
}

/* Make descriptor 0 available and take it. */
static void expect_chain_broken(struct script *script, uint32_t max_parts, const char *name,
                                enum ecu_rule rule)
{
    avail(script, 0);
    avail_idx(script, 0);
    take(script, max_parts);
    expect_broken(script, name, rule);
}

static void test_avail_idx_jump_breaks_the_queue(void)
{
    static const uint32_t deltas[] = {8, 0xFFFE, 0x8000};

    for (size_t i = 0; i < sizeof deltas / sizeof deltas[0]; i++) {
        struct script script = begin();

        avail(&script, 0);
        avail_idx(&script, deltas[i]);
        take(&script, 8);
        expect_broken(&script, "avail_idx_jump", ECU_RULE_AVAIL_IDX_JUMP);
    }
}

/* The chains that were taken are not yet back, so the index stays inside the ring and still means a whole round. */
static void test_an_avail_idx_that_goes_back_breaks_the_queue(void)
{
    struct script script = begin();

    for (int i = 0; i < 3; i++)
        avail(&script, 0);
    avail_idx(&script, 0);
    for (int i = 0; i < 3; i++)
        take(&script, 8);
    avail_idx(&script, 0xFFFE);
    take(&script, 8);
    expect_broken(&script, "avail_idx_back", ECU_RULE_AVAIL_IDX_JUMP);
}

static void test_more_chains_than_the_ring_holds_break_the_queue(void)
{
    struct script script = begin();

    for (int i = 0; i < 8; i++)
        avail(&script, 0);
    avail_idx(&script, 0);
    for (int i = 0; i < 8; i++)
        take(&script, 8);
    put(&script, 1, DEVICE_GIVE); /* staged: the driver cannot know yet */
    avail(&script, 0);
    avail_idx(&script, 0);
    take(&script, 8);
    expect_broken(&script, "avail_idx_overtakes", ECU_RULE_AVAIL_IDX_JUMP);
}

static void test_head_out_of_range_breaks_the_queue(void)
{
    struct script script = begin();

    avail(&script, 8);
    avail_idx(&script, 0);
    take(&script, 8);
    expect_broken(&script, "head_range", ECU_RULE_HEAD_RANGE);
}

static void test_next_out_of_range_breaks_the_queue(void)
{
    struct script script = begin();

    desc(&script, 0, 1, ECU_DESC_F_NEXT, 8);
    expect_chain_broken(&script, 8, "next_range", ECU_RULE_NEXT_RANGE);
}

static void test_virtio_1_2_s2_7_5_looping_chain_breaks_the_queue(void)
{
    struct script script = begin();

    desc(&script, 0, 1, ECU_DESC_F_NEXT, 1);
    desc(&script, 1, 1, ECU_DESC_F_NEXT, 0);
    expect_chain_broken(&script, 8, "chain_loop", ECU_RULE_CHAIN_LOOP);
}

static void test_readable_after_writable_breaks_the_queue(void)
{
    struct script script = begin();

    desc(&script, 0, 1, ECU_DESC_F_NEXT | ECU_DESC_F_WRITE, 1);
    desc(&script, 1, 1, 0, 0);
    expect_chain_broken(&script, 8, "chain_order", ECU_RULE_CHAIN_ORDER);
}

static void test_chain_of_too_many_bytes_breaks_the_queue(void)
{
    struct script script = begin();

    desc(&script, 0, 0xFFFFFFFF, ECU_DESC_F_NEXT, 1);
    desc(&script, 1, 1, 0, 0);
    expect_chain_broken(&script, 8, "chain_size_bytes", ECU_RULE_CHAIN_SIZE);
}

static void test_chain_of_more_parts_than_the_reader_takes_breaks_the_queue(void)
{
    struct script script = begin();

    desc(&script, 0, 1, ECU_DESC_F_NEXT, 1);
    desc(&script, 1, 1, 0, 0);
    expect_chain_broken(&script, 1, "chain_size_parts", ECU_RULE_CHAIN_SIZE);
}

static void test_virtio_1_2_s2_7_5_3_indirect_not_negotiated_breaks_the_queue(void)
{
    struct script script = begin();

    desc(&script, 0, 16, ECU_DESC_F_INDIRECT, 0);
    expect_chain_broken(&script, 8, "indirect", ECU_RULE_INDIRECT);
}

static void test_a_layer_above_breaks_the_queue(void)
{
    struct script script = begin();

    put(&script, 1, DEVICE_BREAK);
    take(&script, 8);
    expect_broken(&script, "desc_da", ECU_RULE_DESC_DA);
}

static void test_longest_chain_of_most_bytes_is_taken(void)
{
    struct script script = begin();
    struct device_run run;

    for (uint32_t i = 0; i < 8; i++)
        desc(&script, i, i == 7 ? 0xFFFFFFF8 : 1,
             (i < 7 ? ECU_DESC_F_NEXT : 0) | (i > 3 ? ECU_DESC_F_WRITE : 0), i + 1);
    avail(&script, 0);
    avail_idx(&script, 0);
    take(&script, 8);
    run = finish(&script, "chain_longest");
    CHECK(run.result == 1 && run.chain.num_parts == 8 && run.device.broken == ECU_RULE_NONE);
    CHECK(run.parts[7].da == 0x7000 && run.parts[7].len == 0xFFFFFFF8 && run.parts[7].device_writes);
    CHECK(!run.parts[3].device_writes);
}

static void test_unknown_descriptor_flags_are_ignored(void)
{
    struct script script = begin();
    struct device_run run;

    desc(&script, 0, 1, 0xFFF8, 0xFFFF);
    avail(&script, 0);
    avail_idx(&script, 0);
    take(&script, 1);
    run = finish(&script, "flags_unknown");
    CHECK(run.result == 1 && run.chain.num_parts == 1);
}

int main(void)
{
    memory = twice_make(4096);
    test_avail_idx_jump_breaks_the_queue();
    test_an_avail_idx_that_goes_back_breaks_the_queue();
    test_more_chains_than_the_ring_holds_break_the_queue();
    test_head_out_of_range_breaks_the_queue();
    test_next_out_of_range_breaks_the_queue();
    test_virtio_1_2_s2_7_5_looping_chain_breaks_the_queue();
    test_readable_after_writable_breaks_the_queue();
    test_chain_of_too_many_bytes_breaks_the_queue();
    test_chain_of_more_parts_than_the_reader_takes_breaks_the_queue();
    test_virtio_1_2_s2_7_5_3_indirect_not_negotiated_breaks_the_queue();
    test_a_layer_above_breaks_the_queue();
    test_longest_chain_of_most_bytes_is_taken();
    test_unknown_descriptor_flags_are_ignored();
    twice_free(&memory);
    return 0;
}
