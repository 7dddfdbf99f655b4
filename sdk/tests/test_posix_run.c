/* SPDX-License-Identifier: Apache-2.0
 *
 * ecu_run against a host: what the ECU is told, and in which order.
 */
#include "support/posix_core.h"

/* ---- start ---- */

static void test_stop_is_answered_by_stopped(void)
{
    struct fixture f;

    setup(&f);
    boot(&f);
    stop(&f);
}

static void test_a_refused_boot_is_reported(void)
{
    struct fixture f;

    setup(&f);
    ecu.boot_rc = -ENODEV;
    start(&f);
    expect_call(&f, "create 0");
    expect_call(&f, "boot 0");
    host_expect_error(&f.host, ENODEV, "boot refused: -19");
    expect_call(&f, "destroy 0");
    finish(&f, -ENODEV);
}

static void test_a_refused_create_is_reported(void)
{
    struct fixture f;

    setup(&f);
    ecu.refuse_create = true;
    start(&f);
    expect_call(&f, "create 0");
    host_expect_error(&f.host, ENODEV, "create refused");
    finish(&f, -ENODEV);
}

static void expect_bad_ops(const struct ecu_ops *ops, int error, const char *words)
{
    struct fixture f;

    setup(&f);
    f.ops = ops;
    start(&f);
    host_expect_error(&f.host, error, words);
    finish(&f, -error);
}

static void test_operations_that_cannot_work_are_named(void)
{
    struct ecu_ops ops = without_tick;

    expect_bad_ops(NULL, EPROTO, "refuses ABI 1.0");
    ops.abi = 2u << 16 | 3;
    expect_bad_ops(&ops, EPROTO, "the ECU has ABI 2.3, the host 1.0");
    ops = without_tick;
    ops.size = sizeof ops - 1;
    expect_bad_ops(&ops, EINVAL, "bytes, at least");
    ops = without_tick;
    ops.notify = NULL;
    expect_bad_ops(&ops, EINVAL, "lacks a function");
}

/* ---- running ---- */

static void test_link_comes_before_notify(void)
{
    struct fixture f;

    setup(&f);
    boot(&f);
    host_set_status(&f.host, 1, 7);
    host_ring(&f.host, 0xC);
    expect_call(&f, "up 1");
    expect_call(&f, "notify 2");
    expect_call(&f, "notify 3");
    stop(&f);
}

static void test_a_bell_without_driver_ok_links_nothing(void)
{
    struct fixture f;

    setup(&f);
    boot(&f);
    host_set_status(&f.host, 0, 3);
    host_ring(&f.host, 2);
    expect_call(&f, "notify 1");
    host_set_status(&f.host, 0, 0x83);
    host_ring(&f.host, 2);
    expect_call(&f, "notify 1");
    stop(&f);
}

static void test_a_bell_without_bits_means_look_everywhere(void)
{
    struct fixture f;

    setup(&f);
    boot(&f);
    link_up(&f);
    host_ring(&f.host, 0);
    expect_call(&f, "notify 0");
    expect_call(&f, "notify 1");
    stop(&f);
}

static void test_status_without_driver_ok_takes_the_link_down(void)
{
    struct fixture f;

    setup(&f);
    boot(&f);
    link_up(&f);
    host_set_status(&f.host, 0, 0);
    host_ring(&f.host, 1);
    expect_call(&f, "down 0");
    expect_call(&f, "notify 0");
    stop(&f);
}

static void test_reset_takes_links_down_before_reset_done(void)
{
    struct fixture f;

    setup(&f);
    boot(&f);
    link_up(&f);
    host_set_status(&f.host, 0, 0);
    host_say(&f.host, ECU_CTL_RESET, 0);
    expect_call(&f, "down 0");
    host_expect(&f.host, ECU_CTL_RESET_DONE);
    link_up(&f);
    stop(&f);
}

static void test_failures_of_the_ecu_are_named(void)
{
    static const struct {
        _Atomic int *rc;
        const char *call, *words;
    } rows[] = {{&ecu.link_rc, "up 0", "link(0) failed: -5"},
                {&ecu.notify_rc, "notify 0", "notify(0) failed: -5"}};

    for (size_t i = 0; i < 2; i++) {
        struct fixture f;

        setup(&f);
        boot(&f);
        *rows[i].rc = -EIO;
        host_set_status(&f.host, 0, 7);
        host_ring(&f.host, 1);
        expect_call(&f, "up 0");
        if (i == 1)
            expect_call(&f, rows[i].call);
        host_expect_error(&f.host, EIO, rows[i].words);
        expect_end(&f, -EIO);
    }
}

static void test_a_failed_stop_is_reported(void)
{
    struct fixture f;

    setup(&f);
    boot(&f);
    ecu.stop_rc = -EBUSY;
    host_say(&f.host, ECU_CTL_STOP, 0);
    host_expect_error(&f.host, EBUSY, "stop failed: -16");
    expect_end(&f, -EBUSY);
}

static void test_unknown_types_and_surplus_descriptors_are_ignored(void)
{
    struct fixture f;
    struct ecu_ctl_head head = {sizeof head, 4711};

    setup(&f);
    boot(&f);
    host_send_fds(&f.host, &head, sizeof head, &f.host.event, 1);
    host_say(&f.host, ECU_CTL_STEP, 5); /* in real time */
    host_say(&f.host, ECU_CTL_DETACH, 0);
    link_up(&f);
    stop(&f);
}

static void test_a_control_message_that_lies_ends_the_core(void)
{
    struct fixture f;
    struct ecu_ctl_head head = {9, ECU_CTL_STOP};

    setup(&f);
    boot(&f);
    host_send_fds(&f.host, &head, sizeof head, &f.host.event, 1);
    host_expect_error(&f.host, EPROTO, "broken control message");
    expect_end(&f, -EPROTO);
}

/* ---- time ---- */

/* Up to and with "stop 0". */
static void skip_calls(struct fixture *f, const char *call)
{
    char line[64];

    do {
        memset(line, 0, sizeof line);
        CHECK(recv(f->records, line, sizeof line - 1, 0) > 0);
    } while (strcmp(line, call) == 0);
    CHECK(strcmp(line, "stop 0") == 0);
}

static void test_tick_is_called_when_it_asked_to_be(void)
{
    struct fixture f;

    setup(&f);
    f.ops = &with_tick;
    ecu.tick_after_ns = 1000000;
    start(&f);
    expect_call(&f, "create 0");
    expect_call(&f, "boot 0");
    for (int i = 0; i < 5; i++)
        expect_call(&f, "tick 0");
    host_expect(&f.host, ECU_CTL_READY);
    ecu.tick_rc = -EIO;
    host_expect_error(&f.host, EIO, "tick failed: -5");
    skip_calls(&f, "tick 0");
    expect_call(&f, "destroy 0");
    finish(&f, -EIO);
}

static void test_an_idle_tick_is_called_once(void)
{
    struct fixture f;

    setup(&f);
    f.ops = &with_tick;
    boot(&f);
    expect_call(&f, "tick 0");
    link_up(&f);
    stop(&f);
}

static void expect_step(struct fixture *f, uint64_t now_ns, uint64_t next_ns)
{
    union host_answer answer;
    char call[64];

    snprintf(call, sizeof call, "tick %llu", (unsigned long long)now_ns);
    expect_call(f, call);
    CHECK(host_hear(&f->host, &answer) == ECU_CTL_STEPPED);
    CHECK(answer.time.now_ns == now_ns && answer.time.next_ns == next_ns);
}

static void test_in_virtual_time_everything_happens_in_a_step(void)
{
    struct fixture f;

    setup(&f);
    f.ops = &with_tick;
    f.host.hello.mode = ECU_CTL_VIRTUAL_TIME;
    ecu.tick_after_ns = 10;
    boot(&f);
    CHECK(!ecu.host->wait && ecu.host->now_ns(ecu.host->context) == 0);
    host_say(&f.host, ECU_CTL_STEP, 100);
    expect_step(&f, 100, 110);
    host_set_status(&f.host, 0, 7);
    host_ring(&f.host, 1);
    host_say(&f.host, ECU_CTL_STEP, 200);
    expect_call(&f, "up 0");
    expect_call(&f, "notify 0");
    expect_step(&f, 200, 210);
    stop(&f);
}

static void test_in_virtual_time_an_ecu_without_tick_is_idle(void)
{
    struct fixture f;
    union host_answer answer;

    setup(&f);
    f.host.hello.mode = ECU_CTL_VIRTUAL_TIME;
    boot(&f);
    host_say(&f.host, ECU_CTL_STEP, 100);
    CHECK(host_hear(&f.host, &answer) == ECU_CTL_STEPPED && answer.time.next_ns == UINT64_MAX);
    stop(&f);
}

int main(void)
{
    test_stop_is_answered_by_stopped();
    test_a_refused_boot_is_reported();
    test_a_refused_create_is_reported();
    test_operations_that_cannot_work_are_named();
    test_link_comes_before_notify();
    test_a_bell_without_driver_ok_links_nothing();
    test_a_bell_without_bits_means_look_everywhere();
    test_status_without_driver_ok_takes_the_link_down();
    test_reset_takes_links_down_before_reset_done();
    test_failures_of_the_ecu_are_named();
    test_a_failed_stop_is_reported();
    test_unknown_types_and_surplus_descriptors_are_ignored();
    test_a_control_message_that_lies_ends_the_core();
    test_tick_is_called_when_it_asked_to_be();
    test_an_idle_tick_is_called_once();
    test_in_virtual_time_everything_happens_in_a_step();
    test_in_virtual_time_an_ecu_without_tick_is_idle();
    return 0;
}
