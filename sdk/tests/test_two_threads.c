/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver and device on two threads, one ring mapped twice, sleeping on eventfds with suppression. A sleep
 * that times out while there is work is a lost wake-up, and a failure: a look after the time-out would
 * otherwise hide it. ECU_TEST_SECONDS: how long (default 2).
 */
#include "support/ring_pair.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>

#define RING 8u
#define PAYLOAD 16u
#define STALL_MS 5000
#define MIN_BUFFERS 2000u /* however slow the machine is */

struct shared {
    struct ring_pair pair;
    struct twice payload; /* RING buffers of PAYLOAD bytes; da is the offset */
    int bell_device;
    int bell_driver;
    double deadline;
    uint64_t sleeps[2];
    uint64_t kicks[2];
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void ring_bell(int fd, uint64_t *count)
{
    uint64_t one = 1;

    CHECK(write(fd, &one, sizeof one) == sizeof one);
    ++*count;
}

/* A lost wake-up shows as a time-out here: nobody else would have ended this sleep. */
static void sleep_until_bell(int fd, uint64_t *count)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    uint64_t value;
    int rc;

    ++*count;
    do
        rc = poll(&poll_fd, 1, STALL_MS);
    while (rc < 0 && errno == EINTR);
    CHECK(rc == 1 /* or a wake-up was lost */);
    CHECK(read(fd, &value, sizeof value) == sizeof value);
}

static uint32_t random_below(uint32_t *state, uint32_t limit)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)*state * limit >> 32);
}

/* How often to poll before falling asleep: now about as long as an answer takes, now long enough for the
 * peer to wake up. */
static uint32_t patience(uint32_t *state)
{
    return random_below(state, random_below(state, 2) == 0 ? 400 : 100000);
}

static void linger(uint32_t *state)
{
    for (volatile uint32_t i = random_below(state, 200); i > 0; i--)
        continue;
}

/* Polls for a random while before it falls asleep. Without that, the peer would always publish long after,
 * and the instant of falling asleep, where a wake-up can be lost, would never be hit. */
static void wait_for_avail(struct shared *shared, uint32_t *state)
{
    struct ecu_device *device = &shared->pair.device;

    for (uint32_t i = patience(state); i > 0 && !ecu_device_pending(device); i--)
        continue;
    if (ecu_device_pending(device))
        return;
    if (!ecu_device_listen(device))
        sleep_until_bell(shared->bell_device, &shared->sleeps[1]);
    ecu_device_quiet(device);
}

/* Adds one to each payload byte and gives the buffer back; ends at a buffer of length 1. */
static void *device_main(void *argument)
{
    struct shared *shared = argument;
    struct ecu_device *device = &shared->pair.device;
    struct ecu_buffer part;
    struct ecu_chain chain;
    uint32_t state = 1;
    bool last = false;

    ecu_device_quiet(device);
    while (!last) {
        int rc = ecu_device_take(device, &chain, &part, 1);

        CHECK(rc >= 0);
        if (rc == 0) {
            wait_for_avail(shared, &state);
            continue;
        }
        last = part.len == 1;
        for (uint32_t i = 0; i < part.len; i++)
            shared->payload.remote[part.da + i]++;
        linger(&state);
        ecu_device_give(device, chain.id, part.len);
        ecu_device_publish(device);
        if (ecu_device_needs_kick(device))
            ring_bell(shared->bell_driver, &shared->kicks[1]);
    }
    return NULL;
}

static void send_one(struct shared *shared, uint64_t number, uint32_t len)
{
    struct ecu_driver *driver = &shared->pair.driver;
    uint32_t da = driver->free_head * PAYLOAD;

    memset(shared->payload.host + da, (int)(number & 0xFF), PAYLOAD);
    CHECK(offer_one(driver, da, len, true) >= 0);
    ecu_driver_publish(driver);
    if (ecu_driver_needs_kick(driver))
        ring_bell(shared->bell_device, &shared->kicks[0]);
}

/* The device works in order, so the used buffers come back in order. */
static bool reap_one(struct shared *shared, uint64_t number)
{
    struct ecu_reaped reaped;
    int rc = ecu_driver_reap(&shared->pair.driver, &reaped);

    CHECK(rc >= 0);
    if (rc == 0)
        return false;
    for (uint32_t i = 0; i < reaped.len; i++)
        CHECK(shared->payload.host[reaped.id * PAYLOAD + i] == (uint8_t)(number + 1));
    return true;
}

static void wait_for_used(struct shared *shared, uint32_t *state)
{
    struct ecu_driver *driver = &shared->pair.driver;

    for (uint32_t i = patience(state); i > 0 && !ecu_driver_pending(driver); i--)
        continue;
    if (ecu_driver_pending(driver))
        return;
    if (!ecu_driver_listen(driver))
        sleep_until_bell(shared->bell_driver, &shared->sleeps[0]);
    ecu_driver_quiet(driver);
}

static uint64_t driver_main(struct shared *shared, uint32_t in_flight)
{
    uint64_t sent = 0, done = 0;
    uint32_t state = 2;

    ecu_driver_quiet(&shared->pair.driver);
    while (sent < MIN_BUFFERS || now() < shared->deadline) {
        for (; sent - done < in_flight; sent++)
            send_one(shared, sent, PAYLOAD);
        linger(&state);
        while (reap_one(shared, done))
            done++;
        if (sent - done == in_flight)
            wait_for_used(shared, &state);
    }
    while (done < sent) {
        while (reap_one(shared, done))
            done++;
        if (done < sent)
            wait_for_used(shared, &state);
    }
    send_one(shared, sent, 1);
    return sent;
}

/* Returns how often a side slept. */
static uint64_t run(uint32_t in_flight, struct twice (*make)(size_t size), double seconds)
{
    static struct shared shared;
    pthread_t thread;
    uint64_t sent;

    memset(&shared, 0, sizeof shared);
    pair_open_in(&shared.pair, RING, make(4096));
    shared.payload = make(4096);
    shared.bell_device = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    shared.bell_driver = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(shared.bell_device >= 0 && shared.bell_driver >= 0);
    shared.deadline = now() + seconds;
    CHECK(pthread_create(&thread, NULL, device_main, &shared) == 0);
    sent = driver_main(&shared, in_flight);
    CHECK(pthread_join(thread, NULL) == 0);
    printf("%u in flight: %" PRIu64 " buffers", in_flight, sent);
    printf(", sleeps %" PRIu64 " + %" PRIu64, shared.sleeps[0], shared.sleeps[1]);
    printf(", kicks %" PRIu64 " + %" PRIu64 "\n", shared.kicks[0], shared.kicks[1]);
    CHECK(close(shared.bell_device) == 0 && close(shared.bell_driver) == 0);
    twice_free(&shared.payload);
    pair_close(&shared.pair);
    return shared.sleeps[0] + shared.sleeps[1];
}

int main(void)
{
    const char *seconds = getenv("ECU_TEST_SECONDS");
    double each = (seconds != NULL ? strtod(seconds, NULL) : 2.0) / 6;
    uint64_t sleeps = 0;

    for (uint32_t in_flight = 1; in_flight <= RING; in_flight = in_flight == 1 ? 2 : in_flight * 4) {
        sleeps += run(in_flight, twice_make, each);
        sleeps += run(in_flight, twice_make_same, each);
    }
    CHECK(sleeps > 0); /* else nothing was tested */
    return 0;
}
