/* SPDX-License-Identifier: Apache-2.0
 *
 * The host operations that an ECU gets, and the trace buffer written through them.
 */
#include "support/posix_host.h"

#include <time.h>

struct fixture {
    struct host host;
    struct ecu_env env;
};

static void setup(struct fixture *f)
{
    host_open(&f->host);
    host_greet(&f->host);
    CHECK(ecu_env_open(&f->env, f->host.core_control) == 0);
    f->host.core_control = -1;
}

static void teardown(struct fixture *f)
{
    ecu_env_close(&f->env);
    host_close(&f->host);
}

static void *da_to_va(struct fixture *f, uint64_t da, size_t size)
{
    return f->env.ops.da_to_va(f->env.ops.context, da, size);
}

static void test_da_to_va_stays_inside_one_region(void)
{
    struct fixture f;

    setup(&f);
    CHECK(da_to_va(&f, 0, HOST_PAGE) == f.env.regions[0].va);
    CHECK(da_to_va(&f, HOST_PAGE - 1, 1) == (uint8_t *)f.env.regions[0].va + HOST_PAGE - 1);
    CHECK(da_to_va(&f, HOST_SECOND_DA, 2 * HOST_PAGE) == f.env.regions[1].va);
    CHECK(!da_to_va(&f, HOST_PAGE - 1, 2));
    CHECK(!da_to_va(&f, HOST_PAGE, 1));
    CHECK(!da_to_va(&f, 1, SIZE_MAX));
    CHECK(!da_to_va(&f, HOST_SECOND_DA - 1, 2));
    CHECK(!da_to_va(&f, HOST_SECOND_DA + 2 * HOST_PAGE, 0));
    CHECK(!da_to_va(&f, UINT64_MAX, 1) && !da_to_va(&f, UINT64_MAX, SIZE_MAX));
    teardown(&f);
}

static void test_memory_is_shared_with_the_host(void)
{
    struct fixture f;
    uint8_t *byte;

    setup(&f);
    byte = da_to_va(&f, HOST_SECOND_DA + 5, 1);
    CHECK(byte && byte != f.host.base + 2 * HOST_PAGE + 5);
    *byte = 0xA5;
    CHECK(f.host.base[2 * HOST_PAGE + 5] == 0xA5);
    teardown(&f);
}

static void test_kicks_fold_until_the_host_takes_the_bit(void)
{
    struct fixture f;
    uint64_t rung = 0;

    setup(&f);
    f.env.ops.kick(&f.env, 3);
    f.env.ops.kick(&f.env, 3);
    CHECK(read(f.host.event, &rung, sizeof rung) == sizeof rung && rung == 1);
    f.env.ops.kick(&f.env, 3);
    f.env.ops.kick(&f.env, 64);
    f.env.ops.kick(&f.env, UINT32_MAX);
    CHECK(read(f.host.event, &rung, sizeof rung) < 0 && errno == EAGAIN);
    CHECK(__atomic_exchange_n(&f.host.page->to_host, 0, __ATOMIC_SEQ_CST) == 8);
    f.env.ops.kick(&f.env, 3);
    f.env.ops.kick(&f.env, 63);
    CHECK(read(f.host.event, &rung, sizeof rung) == sizeof rung && rung == 2);
    teardown(&f);
}

static void test_a_kick_never_blocks_on_a_full_event(void)
{
    struct fixture f;
    uint64_t full = UINT64_MAX - 1;

    setup(&f);
    CHECK(write(f.host.event, &full, sizeof full) == sizeof full);
    CHECK(fcntl(f.host.event, F_GETFL) & O_NONBLOCK);
    f.env.ops.kick(&f.env, 0);
    teardown(&f);
}

static void test_a_log_text_becomes_marked_lines(void)
{
    struct fixture f;
    char got[4096] = "";
    char longer[1500];
    int ends[2];

    setup(&f);
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    f.env.log_fd = ends[1];
    f.env.ops.log(&f.env, ECU_LOG_ERR, "one\n\ntwo", 8);
    f.env.ops.log(&f.env, ECU_LOG_INFO, "", 0);
    f.env.ops.log(&f.env, ECU_LOG_DEBUG, "three\n", 6);
    CHECK(read(ends[0], got, sizeof got) > 0 && strcmp(got, "<3>one\n<3>\n<3>two\n<7>three\n") == 0);
    memset(longer, 'x', sizeof longer);
    f.env.ops.log(&f.env, ECU_LOG_INFO, longer, sizeof longer);
    CHECK(read(ends[0], got, sizeof got) == 1500 + 2 * 4);
    close(ends[0]);
    close(ends[1]);
    teardown(&f);
}

static void test_wait_returns_at_its_deadline(void)
{
    struct fixture f;
    uint64_t now;

    setup(&f);
    now = f.env.ops.now_ns(&f.env);
    CHECK(f.env.ops.wait(&f.env, now) == -ETIMEDOUT);
    CHECK(f.env.ops.wait(&f.env, now + 2000000) == -ETIMEDOUT);
    CHECK(f.env.ops.now_ns(&f.env) >= now + 2000000);
    host_ring(&f.host, 1);
    CHECK(f.env.ops.wait(&f.env, UINT64_MAX) == 0);
    CHECK(f.env.ops.wait(&f.env, now) == -ETIMEDOUT); /* one bell wakes once */
    teardown(&f);
}

static void test_trace_text_is_read_by_the_host(void)
{
    struct fixture f;
    struct ecu_trace trace;
    const char *text;

    setup(&f);
    text = (char *)f.host.base + 2 * HOST_PAGE;
    memset(f.host.base + 2 * HOST_PAGE, 'z', 66);
    CHECK(ecu_trace_open(&trace, &f.env.ops, f.env.table, f.env.table_size));
    CHECK(trace.size == 64 && text[0] == '\0');
    ecu_trace_puts(&trace, "booted\n");
    ecu_trace_puts(&trace, "");
    ecu_trace_puts(&trace, "a\n");
    CHECK(strcmp(text, "booted\na\n") == 0);
    for (int i = 0; i < 11; i++)
        ecu_trace_puts(&trace, "12345\n"); /* 9 + 54 bytes fill 63; the tenth begins again */
    CHECK(strcmp(text, "12345\n12345\n") == 0);
    ecu_trace_puts(&trace, "a line that is a good deal longer than the whole trace buffer of 64 bytes\n");
    CHECK(strlen(text) == 63 && text[64] == 'z');
    teardown(&f);
}

static void test_a_trace_entry_outside_memory_is_not_used(void)
{
    struct fixture f;
    struct ecu_trace trace;

    setup(&f);
    f.host.table->trace.len = 3 * HOST_PAGE;
    CHECK(!ecu_trace_open(&trace, &f.env.ops, f.env.table, f.env.table_size));
    ecu_trace_puts(&trace, "goes nowhere\n");
    f.host.table->trace.len = 1;
    CHECK(!ecu_trace_open(&trace, &f.env.ops, f.env.table, f.env.table_size));
    f.host.table->trace.type = 4;
    CHECK(!ecu_trace_open(&trace, &f.env.ops, f.env.table, f.env.table_size));
    teardown(&f);
}

int main(void)
{
    test_da_to_va_stays_inside_one_region();
    test_memory_is_shared_with_the_host();
    test_kicks_fold_until_the_host_takes_the_bit();
    test_a_kick_never_blocks_on_a_full_event();
    test_a_log_text_becomes_marked_lines();
    test_wait_returns_at_its_deadline();
    test_trace_text_is_read_by_the_host();
    test_a_trace_entry_outside_memory_is_not_used();
    return 0;
}
