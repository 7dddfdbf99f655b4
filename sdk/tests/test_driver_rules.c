/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile device breaks each rule that the driver watches, once: the rule is named, and the queue answers
 * -EIO from then on.
 */
#include "support/twice.h"

#include "support/driver_script.h"

#define NUM_8 3u /* first byte of a script: a ring of 8 */

static struct twice memory;

static struct script begin(void)
{
    struct script script = {.size = 0};

    put(&script, 1, NUM_8);
    return script;
}

static void offer_chains(struct script *script, unsigned num, unsigned what)
{
    for (unsigned i = 0; i < num; i++) {
        put(script, 1, DRIVER_OFFER);
        put(script, 1, what);
    }
    put(script, 1, DRIVER_PUBLISH);
}

static void use(struct script *script, uint32_t id, uint32_t len)
{
    put(script, 1, PEER_USED);
    put(script, 4, id);
    put(script, 4, len);
}

static void used_idx(struct script *script, uint32_t delta)
{
    put(script, 1, PEER_USED_IDX);
    put(script, 2, delta);
}

static void reap(struct script *script, unsigned num)
{
    for (unsigned i = 0; i < num; i++)
        put(script, 1, DRIVER_REAP);
}

static struct driver_run finish(const struct script *script, const char *name)
{
    struct driver_run run;

    driver_run_script(&run, memory.host, memory.remote, script->bytes, script->size);
    seed_save("fuzz_driver", name, script->bytes, script->size);
    return run;
}

static void expect_broken(const struct script *script, const char *name, enum ecu_rule rule)
{
    struct driver_run run = finish(script, name);
    struct ecu_buffer part = {.len = 1};
    struct ecu_reaped reaped;
    uint16_t idx = run.ring.avail->idx;

    CHECK(run.driver.broken == rule && run.result == -ECU_EIO);
    for (int i = 0; i < 3; i++) {
        CHECK(ecu_driver_reap(&run.driver, &reaped) == -ECU_EIO);
        CHECK(ecu_driver_offer(&run.driver, &part, 1) == -ECU_EIO);
    }
    ecu_driver_publish(&run.driver);
    CHECK(run.ring.avail->idx == idx);
    CHECK(!ecu_driver_needs_kick(&run.driver));
    CHECK(!ecu_driver_pending(&run.driver) && !ecu_driver_listen(&run.driver));
    free(run.slots);
}

static void test_used_id_out_of_range_breaks_the_queue(void)
{
    static const uint32_t ids[] = {8, 0x10000, 0xFFFFFFFF};

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct script script = begin();

        offer_chains(&script, 1, 0);
        use(&script, ids[i], 0);
        used_idx(&script, 0);
        reap(&script, 1);
        expect_broken(&script, "used_id_range", ECU_RULE_USED_ID_RANGE);
    }
}

static void test_used_id_never_offered_breaks_the_queue(void)
{
    struct script script = begin();

    offer_chains(&script, 1, 0);
    use(&script, 1, 0);
    used_idx(&script, 0);
    reap(&script, 1);
    expect_broken(&script, "used_id_head", ECU_RULE_USED_ID_HEAD);
}

static void test_used_id_returned_twice_breaks_the_queue(void)
{
    struct script script = begin();

    offer_chains(&script, 2, 0);
    use(&script, 0, 0);
    use(&script, 0, 0);
    used_idx(&script, 0);
    reap(&script, 2);
    expect_broken(&script, "used_id_twice", ECU_RULE_USED_ID_HEAD);
}

static void test_used_id_in_the_middle_of_a_chain_breaks_the_queue(void)
{
    struct script script = begin();

    offer_chains(&script, 1, 2); /* three parts */
    use(&script, 1, 0);
    used_idx(&script, 0);
    reap(&script, 1);
    expect_broken(&script, "used_id_middle", ECU_RULE_USED_ID_HEAD);
}

static void test_used_idx_jump_breaks_the_queue(void)
{
    /* More than outstanding, backwards, half round. */
    static const uint32_t deltas[] = {1, 0xFFFE, 0x8000, 8};

    for (size_t i = 0; i < sizeof deltas / sizeof deltas[0]; i++) {
        struct script script = begin();

        offer_chains(&script, 1, 0);
        use(&script, 0, 0);
        used_idx(&script, deltas[i]);
        reap(&script, 1);
        expect_broken(&script, "used_idx_jump", ECU_RULE_USED_IDX_JUMP);
    }
}

static void test_use_of_a_chain_that_was_never_published_breaks_the_queue(void)
{
    struct script script = begin();

    put(&script, 1, DRIVER_OFFER);
    put(&script, 1, 0);
    use(&script, 0, 0);
    used_idx(&script, 0);
    reap(&script, 1);
    expect_broken(&script, "used_unpublished", ECU_RULE_USED_IDX_JUMP);
}

static void test_index_moved_back_after_it_was_seen_is_not_looked_at(void)
{
    struct script script = begin();
    struct driver_run run;

    offer_chains(&script, 2, 0);
    use(&script, 0, 5);
    use(&script, 1, 6);
    used_idx(&script, 0);
    reap(&script, 1);
    used_idx(&script, 0xFFFF);
    reap(&script, 1);
    run = finish(&script, "used_idx_back");
    CHECK(run.result == 1 && run.reaped.id == 1 && run.reaped.len == 6);
    CHECK(ecu_driver_pending(&run.driver));
    CHECK(ecu_driver_reap(&run.driver, &run.reaped) == -ECU_EIO);
    CHECK(run.driver.broken == ECU_RULE_USED_IDX_JUMP);
    free(run.slots);
}

/* Linux reads flags and next back from the table when it detaches a chain; here the table is write-only. */
static void test_device_that_rewrites_descriptors_changes_nothing(void)
{
    struct script script = begin();
    struct driver_run run;

    offer_chains(&script, 1, 0);
    for (uint32_t offset = 0; offset < 160; offset += 2) { /* table and avail ring */
        put(&script, 1, PEER_WRITE);
        put(&script, 2, offset);
        put(&script, 2, 0xFFFF);
    }
    use(&script, 0, 9);
    used_idx(&script, 0);
    reap(&script, 1);
    run = finish(&script, "descriptors_rewritten");
    CHECK(run.result == 1 && run.reaped.id == 0 && run.reaped.offered == 100 && run.driver.num_free == 8);
    free(run.slots);
}

int main(void)
{
    memory = twice_make(4096);
    test_used_id_out_of_range_breaks_the_queue();
    test_used_id_never_offered_breaks_the_queue();
    test_used_id_returned_twice_breaks_the_queue();
    test_used_id_in_the_middle_of_a_chain_breaks_the_queue();
    test_used_idx_jump_breaks_the_queue();
    test_use_of_a_chain_that_was_never_published_breaks_the_queue();
    test_index_moved_back_after_it_was_seen_is_not_looked_at();
    test_device_that_rewrites_descriptors_changes_nothing();
    twice_free(&memory);
    return 0;
}
