/* SPDX-License-Identifier: Apache-2.0
 *
 * A HELLO that breaks a rule is refused with the errno and the reason, and leaves nothing behind.
 */
#include "support/posix_host.h"

static void setup(struct host *h)
{
    host_open(h);
}

static void expect_refusal(struct host *h, int error, const char *words)
{
    struct ecu_env env;
    unsigned before = open_descriptors();

    CHECK(ecu_env_open(&env, h->core_control) == -error);
    host_expect_error(h, error, words);
    CHECK(open_descriptors() == before);
    host_close(h);
}

static void expect_good(struct host *h)
{
    struct ecu_env env;

    CHECK(ecu_env_open(&env, h->core_control) == 0);
    h->core_control = -1;
    ecu_env_close(&env);
    host_close(h);
}

static void test_a_good_hello_is_taken(void)
{
    struct host h;
    struct ecu_env env;
    unsigned before;

    setup(&h);
    host_greet(&h);
    before = open_descriptors();
    CHECK(ecu_env_open(&env, h.core_control) == 0);
    h.core_control = -1;
    CHECK(env.num_regions == 2 && env.num_vdevs == 2 && strcmp(env.name, "door") == 0);
    CHECK(env.table != (void *)h.table && memcmp(env.table, h.table, sizeof *h.table) == 0);
    CHECK(fcntl(env.bell_in, F_GETFD) == FD_CLOEXEC && fcntl(env.bell_out, F_GETFD) == FD_CLOEXEC);
    CHECK(open_descriptors() == before + 2); /* the memory is mapped and closed */
    ecu_env_close(&env);
    host_close(&h);
}

static void test_a_short_packet_with_just_its_regions_is_enough(void)
{
    struct host h;

    setup(&h);
    h.hello.head.size = offsetof(struct ecu_ctl_hello, regions) + 2 * sizeof(struct ecu_ctl_region);
    host_send_hello(&h, h.hello.head.size, ECU_CTL_FDS);
    expect_good(&h);
}

static void test_a_later_minor_may_append_bytes_and_descriptors(void)
{
    struct host h;
    struct {
        struct ecu_ctl_hello hello;
        uint64_t appended[4];
    } longer = {0};

    setup(&h);
    longer.hello = h.hello;
    longer.hello.head.size = sizeof longer;
    longer.hello.minor = 7;
    int fds[4] = {h.memory, h.bell_read, h.event, h.event};
    host_send_fds(&h, &longer, sizeof longer, fds, 4);
    expect_good(&h);
}

static void test_another_major_is_refused_with_both_numbers(void)
{
    struct host h;

    setup(&h);
    h.hello.major = 2;
    h.hello.minor = 5;
    h.hello.head.size = 16; /* the rest may look different there */
    host_send_hello(&h, 16, 0);
    expect_refusal(&h, EPROTO, "version 2.5 of the hand-over, this core 1.0");
}

static void test_lies_about_the_size_are_refused(void)
{
    static const struct {
        uint32_t claimed;
        size_t sent;
        const char *words;
    } rows[] = {
        {2160, 2159, "lies about its size"}, {2161, 2160, "lies about its size"},
        {0, 2160, "lies about its size"},    {4, 4, "lies about its size"},
        {1, 1, "lies about its size"},       {8, 8, "magic"},
        {15, 15, "magic"},                   {16, 16, "at least 112"},
        {111, 111, "at least 112"},          {112, 112, "too short for 2"},
        {175, 175, "too short for 2"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct host h;

        setup(&h);
        h.hello.head.size = rows[i].claimed;
        host_send_hello(&h, rows[i].sent, ECU_CTL_FDS);
        expect_refusal(&h, EPROTO, rows[i].words);
    }
}

static void test_a_packet_longer_than_the_maximum_is_refused(void)
{
    static uint8_t bytes[ECU_CTL_SIZE_MAX + 1];
    struct host h;

    setup(&h);
    h.hello.head.size = sizeof bytes;
    memcpy(bytes, &h.hello, sizeof h.hello);
    int fds[3] = {h.memory, h.bell_read, h.event};
    host_send_fds(&h, bytes, sizeof bytes, fds, 3);
    expect_refusal(&h, EPROTO, "longer than 8192");
}

static void test_descriptors_are_counted(void)
{
    static const struct {
        size_t num;
        const char *words;
    } rows[] = {
        {0, "0 descriptors"}, {2, "2 descriptors"}, {4, "4 descriptors"}, {32, "or more descriptors"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct host h;

        setup(&h);
        host_send_hello(&h, sizeof h.hello, rows[i].num);
        expect_refusal(&h, EPROTO, rows[i].words);
    }
}

static void test_descriptors_of_the_wrong_kind_are_refused(void)
{
    struct host h;

    setup(&h);
    int fds[3] = {h.event, h.bell_read, h.memory}; /* wrong order: an eventfd has no size */
    host_send_fds(&h, &h.hello, sizeof h.hello, fds, 3);
    expect_refusal(&h, EINVAL, "no shared memory");
}

static void test_another_first_message_is_refused(void)
{
    struct host h;

    setup(&h);
    host_say(&h, ECU_CTL_STOP, 0);
    expect_refusal(&h, EPROTO, "type 9");
}

/* One change each to a good HELLO or a good table. */
static void break_hello(struct host *h, int rule)
{
    struct ecu_ctl_hello *hello = &h->hello;
    struct ecu_ctl_region *r = hello->regions;

    switch (rule) {
    case 0: hello->num_regions = 0; break;
    case 1: hello->num_regions = 65; break;
    case 2: hello->mode = 2; break;
    case 3: memset(hello->name, 'x', sizeof hello->name); break;
    case 4: r[1].fd = 1; break;
    case 5: r[1].da += 16; break;
    case 6: r[1].offset += 16; break;
    case 7: r[0].size = 0; break;
    case 8: r[1].size += 1; break;
    case 9: r[1].offset = UINT64_MAX - HOST_PAGE + 1; break;
    case 10: r[1].da = UINT64_MAX - HOST_PAGE + 1; break;
    case 11: r[0].offset = 0; break;
    case 12: r[1].da = 0; break;
    case 13: r[1].da = HOST_PAGE / 16; r[0].size = HOST_PAGE; break;
    case 14: r[1].offset = HOST_PAGE; break;
    case 15: hello->control_offset = HOST_MEMORY_SIZE; break;
    case 16: hello->control_offset = 8; break;
    case 17: hello->table_da = HOST_PAGE - 8; break;
    case 18: hello->table_da = 0x800000; break;
    case 19: hello->table_da = UINT64_MAX - 15; break;
    case 20: hello->table_size = UINT32_MAX; break;
    case 21: hello->table_size = 15; break;
    case 22: h->table->header.ver = 2; break;
    case 23: h->table->header.reserved[1] = 1; break;
    case 24: h->table->header.num = 0x40000000; break;
    case 25: h->table->offset[2] = UINT32_MAX; break;
    case 26: h->table->offset[2] = 4; break;
    case 27: /* the last vring's notifyid read as a type */
        h->table->offset[2] = sizeof *h->table - 8;
        h->table->vdev[1].vring[1].notifyid = ECU_ENTRY_VDEV;
        break;
    case 28: h->table->vdev[1].vdev.num_of_vrings = 200; break;
    case 29: h->table->vdev[0].vring[1].notifyid = 64; break;
    default: CHECK(rule < 30); /* every row has its case */
    }
}

static void test_each_broken_rule_is_refused_by_name(void)
{
    static const char *const words[] = {
        "0 regions", "65 regions", "mode 2", "name without end", "descriptor 1", "not page aligned",
        "not page aligned", "runs past the memory", "runs past the memory", "runs past the memory",
        "last device address", "overlaps the control page", "not sorted", "overlap", "share memory",
        "control page", "control page",
        "lies in no region", "lies in no region", "lies in no region", "lies in no region", "no valid header",
        "no valid header", "no valid header", "no valid header", "entry 2", "entry 2", "vdev 1", "vdev 1",
        "notify id 64"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct host h;

        setup(&h);
        break_hello(&h, (int)i);
        host_greet(&h);
        expect_refusal(&h, EINVAL, words[i]);
    }
}

static void test_more_vdevs_than_an_env_holds_are_refused(void)
{
    struct host h;
    uint32_t *words;

    setup(&h);
    words = (uint32_t *)(void *)h.table;
    memset(h.table, 0, HOST_PAGE / 2);
    words[0] = 1;
    words[1] = ECU_ENV_VDEVS_MAX + 1;
    for (unsigned i = 0; i <= ECU_ENV_VDEVS_MAX; i++) {
        words[4 + i] = 256 + 28 * i;
        words[(256 + 28 * i) / 4] = ECU_ENTRY_VDEV;
    }
    h.hello.table_size = 1024;
    host_greet(&h);
    expect_refusal(&h, EINVAL, "more than 8 vdevs");
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void test_random_damage_never_crashes(void)
{
    static const uint8_t values[] = {0, 1, 2, 0x7F, 0x80, 0xFF, 0x10, 0x40};
    uint32_t state = 1;

    for (int round = 0; round < 3000; round++) {
        struct host h;
        struct ecu_env env;
        int rc;

        setup(&h);
        for (uint32_t n = 1 + next_random(&state) % 3; n > 0; n--) {
            uint32_t where = next_random(&state) % 320;
            uint8_t value = values[next_random(&state) % sizeof values];

            if (where < 176)
                ((uint8_t *)&h.hello)[where] = value;
            else
                ((uint8_t *)h.table)[where - 176] = value;
        }
        host_greet(&h);
        rc = ecu_env_open(&env, h.core_control);
        if (rc == 0) {
            h.core_control = -1;
            ecu_env_close(&env);
        } else {
            host_expect(&h, ECU_CTL_ERROR);
        }
        host_close(&h);
    }
}

int main(void)
{
    test_a_good_hello_is_taken();
    test_a_short_packet_with_just_its_regions_is_enough();
    test_a_later_minor_may_append_bytes_and_descriptors();
    test_another_major_is_refused_with_both_numbers();
    test_lies_about_the_size_are_refused();
    test_a_packet_longer_than_the_maximum_is_refused();
    test_descriptors_are_counted();
    test_descriptors_of_the_wrong_kind_are_refused();
    test_another_first_message_is_refused();
    test_each_broken_rule_is_refused_by_name();
    test_more_vdevs_than_an_env_holds_are_refused();
    test_random_damage_never_crashes();
    return 0;
}
