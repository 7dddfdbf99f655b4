/* SPDX-License-Identifier: Apache-2.0
 *
 * How a core ends with its host, also when the ECU is just waiting for it.
 */
#include "support/posix_core.h"

static void test_a_hang_up_ends_the_core(void)
{
    struct fixture f;

    setup(&f);
    boot(&f);
    host_hang_up(&f.host);
    expect_end(&f, -ENOTCONN);
}

static void test_a_hang_up_before_hello_ends_the_core(void)
{
    struct fixture f;

    setup(&f);
    start_thread(&f);
    host_hang_up(&f.host);
    finish(&f, -ENOTCONN);
}

static void test_a_closed_bell_alone_is_no_hang_up(void)
{
    struct fixture f;

    setup(&f);
    boot(&f);
    CHECK(close(f.host.bell_write) == 0);
    f.host.bell_write = open("/dev/null", O_WRONLY | O_CLOEXEC);
    stop(&f);
}

static void start_waiting(struct fixture *f)
{
    setup(f);
    ecu.wait_in_notify = true;
    boot(f);
    host_set_status(&f->host, 0, 7);
    host_ring(&f->host, 1);
    expect_call(f, "up 0");
    expect_call(f, "notify 0");
}

static void test_a_hang_up_ends_a_blocked_wait(void)
{
    struct fixture f;

    start_waiting(&f);
    host_hang_up(&f.host);
    expect_call(&f, "waited 107");
    expect_end(&f, -ENOTCONN);
}

static void test_stop_ends_a_blocked_wait(void)
{
    struct fixture f;

    start_waiting(&f);
    host_say(&f.host, ECU_CTL_STOP, 0);
    expect_call(&f, "waited 107");
    host_expect(&f.host, ECU_CTL_STOPPED);
    expect_end(&f, 0);
}

static void test_reset_ends_a_blocked_wait(void)
{
    struct fixture f;

    start_waiting(&f);
    host_set_status(&f.host, 0, 0);
    host_say(&f.host, ECU_CTL_RESET, 0);
    expect_call(&f, "waited 107");
    expect_call(&f, "down 0");
    host_expect(&f.host, ECU_CTL_RESET_DONE);
    stop(&f);
}

static void test_a_bell_ends_a_blocked_wait_and_is_not_lost(void)
{
    struct fixture f;

    start_waiting(&f);
    host_ring(&f.host, 2);
    expect_call(&f, "waited 0");
    expect_call(&f, "notify 1");
    stop(&f);
}

int main(void)
{
    test_a_hang_up_ends_the_core();
    test_a_hang_up_before_hello_ends_the_core();
    test_a_closed_bell_alone_is_no_hang_up();
    test_a_hang_up_ends_a_blocked_wait();
    test_stop_ends_a_blocked_wait();
    test_reset_ends_a_blocked_wait();
    test_a_bell_ends_a_blocked_wait_and_is_not_lost();
    return 0;
}
