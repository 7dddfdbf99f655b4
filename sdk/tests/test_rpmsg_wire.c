/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes that rpmsg puts on the wire (Linux: struct rpmsg_hdr, struct rpmsg_ns_msg), and the walk over the
 * loaded table.
 */
#include "support/rpmsg_host.h"

static struct rpmsg_host host;
static struct host_message message;

static const uint8_t ns_create[56] = {
    0x00, 0x04, 0x00, 0x00, 0x35, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00,
    0x72, 0x70, 0x6d, 0x73, 0x67, 0x2d, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x2d, 0x73, 0x61, 0x6d,
    0x70, 0x6c, 0x65, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static const uint8_t hello_world[28] = {
    0x00, 0x04, 0x00, 0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x00, 0x00,
    0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x77, 0x6f, 0x72, 0x6c, 0x64, 0x21,
};

static void test_announcement_and_message_byte_for_byte(void)
{
    struct ecu_endpoint ept;
    uint8_t destroy[56];

    host_open(&host, 8, 1);
    CHECK(ecu_rpmsg_open(&host.world.rp, &ept, "rpmsg-client-sample", ECU_RPMSG_ADDR_ANY, NULL, NULL) == 0);
    CHECK(!host_receive(&host, &message));
    memset(host_va(&host, host_buffer_da(0)), 0xEE, 2 * WORLD_BUFFER_SIZE); /* leftovers must not show */
    CHECK(host_link(&host, 1) == 0);
    CHECK(host_receive(&host, &message));
    CHECK(memcmp(message.bytes, ns_create, sizeof ns_create) == 0 && message.used_len == 56);
    CHECK(ecu_rpmsg_trysendto(&ept, 0x401, "hello world!", 12) == 0);
    CHECK(host_receive(&host, &message));
    CHECK(memcmp(message.bytes, hello_world, sizeof hello_world) == 0 && message.used_len == 28);
    CHECK(ecu_rpmsg_close(&ept) == 0);
    CHECK(host_receive(&host, &message));
    memcpy(destroy, ns_create, sizeof destroy);
    destroy[52] = ECU_RPMSG_NS_DESTROY;
    CHECK(memcmp(message.bytes, destroy, sizeof destroy) == 0 && message.used_len == 56);
    CHECK(!host_receive(&host, &message));
    host_close(&host);
}

static void test_name_of_31_characters_is_sent_whole_and_32_are_refused(void)
{
    struct ecu_endpoint ept;

    host_open(&host, 8, 1);
    CHECK(host_link(&host, 1) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &ept, "12345678901234567890123456789012", 7, NULL, NULL) ==
          -ECU_EINVAL);
    CHECK(ecu_rpmsg_open(&host.world.rp, &ept, "1234567890123456789012345678901", 7, NULL, NULL) == 0);
    CHECK(host_receive(&host, &message));
    CHECK(memcmp(message.bytes + 16, "1234567890123456789012345678901", 32) == 0);
    CHECK(!host_receive(&host, &message));
    host_close(&host);
}

static void test_nothing_is_announced_unless_negotiated_or_named(void)
{
    struct ecu_endpoint named, unnamed;

    host_open(&host, 8, 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &named, "early", 7, NULL, NULL) == 0);
    CHECK(host_link(&host, 1) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &unnamed, "late", 8, NULL, NULL) == 0);
    CHECK(ecu_rpmsg_close(&named) == 0 && !host_receive(&host, &message));
    host_close(&host);
    host_open(&host, 8, 1);
    CHECK(ecu_rpmsg_open(&host.world.rp, &named, "", 7, NULL, NULL) == 0);
    CHECK(host_link(&host, 1) == 0);
    CHECK(ecu_rpmsg_open(&host.world.rp, &unnamed, NULL, 8, NULL, NULL) == 0);
    CHECK(!host_receive(&host, &message));
    host_close(&host);
}

static int boot_with(size_t offset, uint32_t value, size_t size)
{
    world_table(&host.world, 1);
    world_put32(&host.world, offset, value);
    return ecu_rpmsg_boot(&host.world.rp, host.memory.remote, size);
}

static void test_table_walk_refuses_garbage(void)
{
    static const struct {
        size_t offset;
        uint32_t value;
        int rc;
    } cases[] = {
        {0, 2, -ECU_EINVAL},           /* version */
        {8, 1, -ECU_EINVAL},           /* reserved */
        {12, 1, -ECU_EINVAL},
        {4, 47, -ECU_EINVAL},          /* num: offsets run out of the table */
        {4, 0x40000000, -ECU_EINVAL},  /* num * 4 wraps */
        {4, 0xFFFFFFFF, -ECU_EINVAL},
        {4, 0, -ECU_ENODEV},
        {4, 2, -ECU_ENODEV},
        {24, 0, -ECU_EINVAL},          /* offset into the header */
        {24, 15, -ECU_EINVAL},
        {24, 197, -ECU_EINVAL},        /* no room for a type */
        {24, 200, -ECU_EINVAL},
        {24, 0xFFFFFFFF, -ECU_EINVAL},
        {16, 0x80000000, -ECU_EINVAL}, /* of an entry before the vdev */
        {TABLE_VDEV, 9, -ECU_ENODEV},  /* unknown types are skipped */
        {TABLE_VDEV + 4, 11, -ECU_ENODEV},
        {TABLE_VDEV + 20, 1, -ECU_EINVAL},          /* config space past the end */
        {TABLE_VDEV + 20, 0xFFFFFFFF, -ECU_EINVAL},
        {TABLE_VDEV + 24, 0x0107, -ECU_EINVAL},     /* one ring */
        {TABLE_VDEV + 24, 0x0007, -ECU_EINVAL},
        {TABLE_VDEV + 24, 0xC807, -ECU_EINVAL},     /* 200 rings */
    };

    host_open(&host, 8, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(boot_with(cases[i].offset, cases[i].value, WORLD_TABLE_SIZE) == cases[i].rc);
        CHECK(host_link(&host, 1) == 0 && !host.world.rp.up); /* no vdev: none is ours */
    }
    CHECK(boot_with(0, 1, 15) == -ECU_EINVAL && boot_with(0, 1, 0) == -ECU_EINVAL);
    CHECK(boot_with(0, 1, WORLD_TABLE_SIZE - 1) == -ECU_EINVAL);
    CHECK(ecu_rpmsg_boot(&host.world.rp, NULL, WORLD_TABLE_SIZE) == -ECU_EINVAL);
    CHECK(boot_with(0, 1, WORLD_TABLE_SIZE) == 0);
    host_close(&host);
}

static void test_vdevs_of_other_ids_count_and_an_odd_address_does_not_matter(void)
{
    uint8_t table[20 + 4 + 68 + 1 + 4 + 68] = {1, 0, 0, 0, 2};
    uint32_t offsets[2] = {24, 24 + 68 + 1}; /* the second one is not aligned */

    host_open(&host, 8, 1);
    memcpy(table + 16, offsets, sizeof offsets);
    memcpy(table + offsets[0], host.memory.host + TABLE_VDEV, 68);
    memcpy(table + offsets[1], host.memory.host + TABLE_VDEV, 68);
    table[offsets[0] + 4] = 11;
    memcpy(host.memory.host + 1, table, sizeof table);
    CHECK(ecu_rpmsg_boot(&host.world.rp, host.memory.remote + 1, sizeof table) == 0);
    CHECK(host.world.rp.vdev_index == 1);
    CHECK(ecu_rpmsg_link(&host.world.rp, 0, 1) == 0 && !host.world.rp.up);
    CHECK(ecu_rpmsg_link(&host.world.rp, 1, 1) == 0 && host.world.rp.up);
    host_close(&host);
}

static void test_link_refuses_rings_that_cannot_be(void)
{
    static const struct {
        size_t offset;
        uint32_t value;
    } cases[] = {
        {0, WORLD_BASE - 16}, {0, 0xFFFFFFFF}, {0, WORLD_BASE + WORLD_SIZE - 64}, {0, WORLD_BASE + 8},
        {4, 0}, {4, 3}, {4, 0x80000000}, /* align */
        {8, 0}, {8, 7}, {8, 65536}, {8, 0xFFFFFFFF}, {8, 32768}, /* num */
    };

    host_open(&host, 8, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t ring = 0; ring < 2; ring++) {
            world_table(&host.world, 1);
            world_put32(&host.world, TABLE_VRING + 20 * ring + cases[i].offset, cases[i].value);
            CHECK(host_link(&host, 1) == -ECU_EINVAL && !host.world.rp.up);
        }
    }
    host_close(&host);
}

static void test_init_refuses_incomplete_surroundings(void)
{
    struct ecu_endpoint *buckets[4];
    struct ecu_host_ops ops = {.size = sizeof ops};
    struct ecu_rpmsg rp;

    CHECK(ecu_rpmsg_init(&rp, NULL, buckets, 4) == -ECU_EINVAL);
    CHECK(ecu_rpmsg_init(&rp, &ops, buckets, 4) == -ECU_EINVAL);
    ops.kick = world_kick;
    ops.da_to_va = world_da_to_va;
    CHECK(ecu_rpmsg_init(&rp, &ops, buckets, 0) == -ECU_EINVAL);
    CHECK(ecu_rpmsg_init(&rp, &ops, buckets, 3) == -ECU_EINVAL);
    CHECK(ecu_rpmsg_init(&rp, &ops, NULL, 4) == -ECU_EINVAL);
    CHECK(ecu_rpmsg_init(&rp, &ops, buckets, 4) == 0);
}

int main(void)
{
    test_announcement_and_message_byte_for_byte();
    test_name_of_31_characters_is_sent_whole_and_32_are_refused();
    test_nothing_is_announced_unless_negotiated_or_named();
    test_table_walk_refuses_garbage();
    test_vdevs_of_other_ids_count_and_an_odd_address_does_not_matter();
    test_link_refuses_rings_that_cannot_be();
    test_init_refuses_incomplete_surroundings();
    return 0;
}
