/* SPDX-License-Identifier: Apache-2.0
 *
 * Both roles on one ring, honest peers. virtio 1.2, 2.7.
 */
#include "support/ring_pair.h"

static void test_a_buffer_goes_round(void)
{
    struct ring_pair pair;
    struct ecu_buffer part;
    struct ecu_chain chain;
    struct ecu_reaped reaped;

    pair_open(&pair, 4);
    CHECK(offer_one(&pair.driver, 0x123456789ABCu, 512, true) == 0);
    CHECK(ecu_device_take(&pair.device, &chain, &part, 1) == 0); /* staged is invisible */
    ecu_driver_publish(&pair.driver);
    CHECK(ecu_device_take(&pair.device, &chain, &part, 1) == 1);
    CHECK(chain.id == 0 && chain.num_parts == 1);
    CHECK(part.da == 0x123456789ABCu && part.len == 512 && part.device_writes);
    ecu_device_give(&pair.device, chain.id, 77);
    CHECK(ecu_driver_reap(&pair.driver, &reaped) == 0);
    ecu_device_publish(&pair.device);
    CHECK(ecu_driver_reap(&pair.driver, &reaped) == 1);
    CHECK(reaped.id == 0 && reaped.len == 77 && reaped.offered == 512);
    CHECK(ecu_driver_reap(&pair.driver, &reaped) == 0);
    CHECK(ecu_device_take(&pair.device, &chain, &part, 1) == 0);
    pair_close(&pair);
}

static void turn(struct ring_pair *pair, uint32_t number)
{
    struct ecu_buffer part;
    struct ecu_chain chain;
    struct ecu_reaped reaped;

    CHECK(offer_one(&pair->driver, number, number + 1, true) >= 0);
    ecu_driver_publish(&pair->driver);
    CHECK(ecu_device_take(&pair->device, &chain, &part, 1) == 1);
    CHECK(part.da == number && part.len == number + 1);
    ecu_device_give(&pair->device, chain.id, number);
    ecu_device_publish(&pair->device);
    CHECK(ecu_driver_reap(&pair->driver, &reaped) == 1);
    CHECK(reaped.len == number && reaped.offered == number + 1);
}

static void test_virtio_1_2_s2_7_6_indices_wrap_at_65536(void)
{
    static const uint32_t sizes[] = {1, 2, 8};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct ring_pair pair;

        pair_open(&pair, sizes[i]);
        for (uint32_t number = 0; number < 70000; number++)
            turn(&pair, number);
        CHECK(pair.driver.num_free == sizes[i] && ecu_driver_num_outstanding(&pair.driver) == 0);
        CHECK(pair.host.avail->idx == (uint16_t)70000 && pair.host.used->idx == (uint16_t)70000);
        pair_close(&pair);
    }
}

static void test_full_ring_takes_num_and_no_more(void)
{
    struct ring_pair pair;
    struct ecu_buffer part;
    struct ecu_chain chain;

    pair_open(&pair, 8);
    for (int i = 0; i < 8; i++)
        CHECK(offer_one(&pair.driver, 0, 1, true) == i); /* descriptors in order, as Linux */
    CHECK(offer_one(&pair.driver, 0, 1, true) == -ECU_ENOSPC);
    ecu_driver_publish(&pair.driver);
    for (int i = 0; i < 8; i++)
        CHECK(ecu_device_take(&pair.device, &chain, &part, 1) == 1 && chain.id == i);
    CHECK(ecu_device_take(&pair.device, &chain, &part, 1) == 0);
    pair_close(&pair);
}

static void test_freed_descriptor_is_used_again_first(void)
{
    struct ring_pair pair;
    struct ecu_buffer part;
    struct ecu_chain chain;
    struct ecu_reaped reaped;

    pair_open(&pair, 4);
    for (int i = 0; i < 3; i++)
        offer_one(&pair.driver, 0, 1, true);
    ecu_driver_publish(&pair.driver);
    CHECK(ecu_device_take(&pair.device, &chain, &part, 1) == 1);
    CHECK(ecu_device_take(&pair.device, &chain, &part, 1) == 1);
    ecu_device_give(&pair.device, 1, 0);
    ecu_device_publish(&pair.device);
    CHECK(ecu_driver_reap(&pair.driver, &reaped) == 1 && reaped.id == 1);
    CHECK(offer_one(&pair.driver, 0, 1, true) == 1);
    CHECK(offer_one(&pair.driver, 0, 1, true) == 3);
    pair_close(&pair);
}

static void test_virtio_1_2_s2_7_5_chain_is_copied_in_order(void)
{
    const struct ecu_buffer parts[3] = {{0x10, 1, false}, {0x20, 2, true}, {0x30, 3, true}};
    struct ecu_buffer copy[4];
    struct ecu_chain chain;
    struct ecu_reaped reaped;
    struct ring_pair pair;

    pair_open(&pair, 4);
    for (int round = 0; round < 10; round++) {
        CHECK(ecu_driver_offer(&pair.driver, parts, 3) >= 0);
        CHECK(ecu_driver_offer(&pair.driver, parts, 2) == -ECU_ENOSPC);
        ecu_driver_publish(&pair.driver);
        CHECK(ecu_device_take(&pair.device, &chain, copy, 4) == 1 && chain.num_parts == 3);
        for (int i = 0; i < 3; i++)
            CHECK(copy[i].da == parts[i].da && copy[i].len == parts[i].len &&
                  copy[i].device_writes == parts[i].device_writes);
        ecu_device_give(&pair.device, chain.id, 5);
        ecu_device_publish(&pair.device);
        CHECK(ecu_driver_reap(&pair.driver, &reaped) == 1 && reaped.offered == 6);
        CHECK(pair.driver.num_free == 4);
    }
    pair_close(&pair);
}

static void test_offer_refuses_bad_chains(void)
{
    const struct ecu_buffer wrong_order[2] = {{0, 1, true}, {0, 1, false}};
    const struct ecu_buffer too_long[2] = {{0, 0xFFFFFFFFu, false}, {0, 1, false}};
    struct ring_pair pair;

    pair_open(&pair, 4);
    CHECK(ecu_driver_offer(&pair.driver, wrong_order, 0) == -ECU_EINVAL);
    CHECK(ecu_driver_offer(&pair.driver, wrong_order, 2) == -ECU_EINVAL);
    CHECK(ecu_driver_offer(&pair.driver, too_long, 2) == -ECU_EINVAL);
    CHECK(ecu_driver_offer(&pair.driver, too_long, 1) == 0);
    CHECK(pair.driver.num_free == 3);
    pair_close(&pair);
}

static void test_init_refuses_a_bad_shape(void)
{
    struct ecu_driver_slot slot;
    struct ecu_vring bad = {.num = 3};
    struct ecu_driver driver;
    struct ecu_device device;

    CHECK(ecu_driver_init(&driver, &bad, &slot) == -ECU_EINVAL);
    CHECK(ecu_device_init(&device, &bad) == -ECU_EINVAL);
}

/* An rpmsg-lite master puts its transmit buffers into the used ring before the link is up. */
static void test_prefilled_used_ring_is_continued(void)
{
    struct ecu_reaped reaped;
    struct ecu_buffer part;
    struct ecu_chain chain;
    struct ring_pair pair;

    pair_open(&pair, 4);
    pair.host.used->idx = 4;
    CHECK(ecu_device_init(&pair.device, &pair.remote) == 0);
    CHECK(ecu_driver_init(&pair.driver, &pair.host, pair.slots) == 0);
    CHECK(ecu_device_take(&pair.device, &chain, &part, 1) == 0);
    CHECK(!ecu_driver_pending(&pair.driver) && ecu_driver_reap(&pair.driver, &reaped) == 0);
    for (uint32_t number = 0; number < 9; number++)
        turn(&pair, number);
    CHECK(pair.host.used->idx == 13 && pair.host.avail->idx == 9);
    pair_close(&pair);
}

static void test_virtio_1_2_s2_7_7_flags_suppress_kicks(void)
{
    struct ring_pair pair;

    pair_open(&pair, 4);
    CHECK(ecu_driver_needs_kick(&pair.driver) && ecu_device_needs_kick(&pair.device));
    ecu_device_quiet(&pair.device);
    CHECK(pair.host.used->flags == ECU_USED_F_NO_NOTIFY);
    CHECK(!ecu_driver_needs_kick(&pair.driver) && ecu_device_needs_kick(&pair.device));
    ecu_driver_quiet(&pair.driver);
    CHECK(pair.host.avail->flags == ECU_AVAIL_F_NO_INTERRUPT);
    CHECK(!ecu_device_needs_kick(&pair.device));
    CHECK(!ecu_device_listen(&pair.device) && !ecu_driver_listen(&pair.driver));
    CHECK(ecu_driver_needs_kick(&pair.driver) && ecu_device_needs_kick(&pair.device));
    pair.host.used->flags = 0xFFFE; /* only bit 0 means anything */
    CHECK(ecu_driver_needs_kick(&pair.driver));
    pair_close(&pair);
}

static void test_listen_tells_of_work_that_came_before(void)
{
    struct ecu_buffer parts[1];
    struct ecu_chain chain;
    struct ring_pair pair;

    pair_open(&pair, 4);
    ecu_device_quiet(&pair.device);
    ecu_driver_quiet(&pair.driver);
    offer_one(&pair.driver, 0, 1, true);
    CHECK(!ecu_device_listen(&pair.device) && !ecu_device_pending(&pair.device));
    ecu_driver_publish(&pair.driver);
    CHECK(ecu_device_listen(&pair.device) && ecu_device_pending(&pair.device));
    CHECK(ecu_device_take(&pair.device, &chain, parts, 1) == 1 && !ecu_device_pending(&pair.device));
    ecu_device_give(&pair.device, chain.id, 0);
    CHECK(!ecu_driver_listen(&pair.driver));
    ecu_device_publish(&pair.device);
    CHECK(ecu_driver_listen(&pair.driver) && ecu_driver_pending(&pair.driver));
    pair_close(&pair);
}

static void test_give_without_take_is_ignored(void)
{
    struct ring_pair pair;

    pair_open(&pair, 4);
    ecu_device_give(&pair.device, 0, 0);
    ecu_device_publish(&pair.device);
    CHECK(pair.host.used->idx == 0);
    pair_close(&pair);
}

int main(void)
{
    test_a_buffer_goes_round();
    test_virtio_1_2_s2_7_6_indices_wrap_at_65536();
    test_full_ring_takes_num_and_no_more();
    test_freed_descriptor_is_used_again_first();
    test_virtio_1_2_s2_7_5_chain_is_copied_in_order();
    test_offer_refuses_bad_chains();
    test_init_refuses_a_bad_shape();
    test_prefilled_used_ring_is_continued();
    test_virtio_1_2_s2_7_7_flags_suppress_kicks();
    test_listen_tells_of_work_that_came_before();
    test_give_without_take_is_ignored();
    return 0;
}
