/* SPDX-License-Identifier: Apache-2.0
 *
 * A core for tests of ecu_run: a thread with an ECU that tells the test each call it gets.
 */
#ifndef ECUSDK_TESTS_POSIX_CORE_H
#define ECUSDK_TESTS_POSIX_CORE_H

#include "posix_host.h"

#include <pthread.h>

/* The ECU under test writes each call as one record into a socket; what it answers is set by the test
 * beforehand. */
static struct {
    int record;
    const struct ecu_host_ops *host;
    _Atomic int boot_rc, link_rc, notify_rc, tick_rc, stop_rc;
    bool refuse_create;
    bool wait_in_notify;
    uint64_t tick_after_ns;
} ecu;

static inline void record(const char *call, uint64_t number)
{
    char line[64];
    int length = snprintf(line, sizeof line, "%s %llu", call, (unsigned long long)number);

    CHECK(send(ecu.record, line, (size_t)length, 0) == length);
}

static inline void *ecu_create(const struct ecu_host_ops *host, const char *instance)
{
    CHECK(strcmp(instance, "door") == 0 && host->abi == ECU_ABI && host->size == sizeof *host);
    ecu.host = host;
    record("create", 0);
    return ecu.refuse_create ? NULL : &ecu;
}

static inline int ecu_boot(void *handle, void *table, size_t size)
{
    CHECK(handle == &ecu && size == sizeof(struct host_table));
    CHECK(((struct host_table *)table)->header.num == 3);
    record("boot", 0);
    return ecu.boot_rc;
}

static inline int ecu_link(void *handle, uint32_t vdev, int up)
{
    CHECK(handle == &ecu);
    record(up ? "up" : "down", vdev);
    return ecu.link_rc;
}

static inline int ecu_notify(void *handle, uint32_t notify_id)
{
    CHECK(handle == &ecu);
    record("notify", notify_id);
    if (ecu.wait_in_notify && notify_id == 0)
        record("waited", (uint64_t)-ecu.host->wait(ecu.host->context, UINT64_MAX));
    return ecu.notify_rc;
}

static inline int ecu_tick(void *handle, uint64_t now_ns, uint64_t *next_ns)
{
    CHECK(handle == &ecu && *next_ns == UINT64_MAX && ecu.host->now_ns(ecu.host->context) >= now_ns);
    record("tick", ecu.host->wait ? 0 : now_ns);
    if (ecu.tick_after_ns)
        *next_ns = now_ns + ecu.tick_after_ns;
    return ecu.tick_rc;
}

static inline int ecu_stop(void *handle)
{
    CHECK(handle == &ecu);
    record("stop", 0);
    return ecu.stop_rc;
}

static inline void ecu_destroy(void *handle)
{
    CHECK(handle == &ecu);
    record("destroy", 0);
}

static const struct ecu_ops without_tick = {sizeof without_tick, ECU_ABI, "test", NULL, 0, ecu_create,
                                            ecu_boot, ecu_link, ecu_notify, NULL, ecu_stop, ecu_destroy};
static const struct ecu_ops with_tick = {sizeof with_tick, ECU_ABI, "test", NULL, 0, ecu_create, ecu_boot,
                                         ecu_link, ecu_notify, ecu_tick, ecu_stop, ecu_destroy};

struct fixture {
    struct host host;
    const struct ecu_ops *ops;
    pthread_t thread;
    int control; /* the core's end */
    int records;
    int result;
    unsigned descriptors;
};

static inline void *run_core(void *argument)
{
    struct fixture *f = argument;

    f->result = ecu_run(f->control, f->ops, -1);
    return NULL;
}

static inline void setup(struct fixture *f)
{
    int pair[2];

    memset(f, 0, sizeof *f);
    memset(&ecu, 0, sizeof ecu);
    f->descriptors = open_descriptors();
    host_open(&f->host);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    ecu.record = pair[0];
    f->records = pair[1];
    f->ops = &without_tick;
}

static inline void start_thread(struct fixture *f)
{
    f->control = f->host.core_control;
    f->host.core_control = -1; /* ecu_run closes it in every case */
    CHECK(pthread_create(&f->thread, NULL, run_core, f) == 0);
}

static inline void start(struct fixture *f)
{
    host_greet(&f->host);
    start_thread(f);
}

static inline void expect_call(struct fixture *f, const char *expected)
{
    struct pollfd ready = {f->records, POLLIN, 0};
    char line[64] = "";

    CHECK(poll(&ready, 1, HOST_TIMEOUT_MS) == 1);
    CHECK(recv(f->records, line, sizeof line - 1, 0) > 0);
    if (strcmp(line, expected) != 0)
        fprintf(stderr, "the ECU was called with \"%s\", expected \"%s\"\n", line, expected);
    CHECK(strcmp(line, expected) == 0);
}

static inline void boot(struct fixture *f)
{
    start(f);
    expect_call(f, "create 0");
    expect_call(f, "boot 0");
    host_expect(&f->host, ECU_CTL_READY);
}

/* The thread is over, nothing else was called, and no descriptor is left. */
static inline void finish(struct fixture *f, int result)
{
    CHECK(pthread_join(f->thread, NULL) == 0);
    CHECK(f->result == result);
    CHECK(recv(f->records, &(char){0}, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    close(f->records);
    close(ecu.record);
    host_close(&f->host);
    CHECK(open_descriptors() == f->descriptors);
}

static inline void expect_end(struct fixture *f, int result)
{
    expect_call(f, "stop 0");
    expect_call(f, "destroy 0");
    finish(f, result);
}

static inline void stop(struct fixture *f)
{
    host_say(&f->host, ECU_CTL_STOP, 0);
    host_expect(&f->host, ECU_CTL_STOPPED);
    expect_end(f, 0);
}

static inline void link_up(struct fixture *f)
{
    host_set_status(&f->host, 0, 7);
    host_ring(&f->host, 1);
    expect_call(f, "up 0");
    expect_call(f, "notify 0");
}

#endif
