/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything at once: two cores that flood and echo, and on each bus threads that receive, send, open, close, poll and are
 * interrupted by signals. Every boot ends in one of several ways, and its memory becomes inaccessible as soon as rp_bus_stop has
 * returned: nobody may still be at a ring, and nobody may sleep on. Most useful under the thread and address sanitizers.
 * RPROC_STRESS_SECONDS sets the length.
 */
#define _GNU_SOURCE
#include "peer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define USERS 7
#define CORES 2
#define SHARED 2   /* endpoints that several threads use */
#define MESSAGE_MAX (PEER_BUFFER - 16u)
#define FOREVER UINT64_MAX

struct boot {
    struct peer *peer;
    struct rp_endpoint *shared[SHARED];
    pthread_t core;
    pthread_t users[USERS];
    bool core_stops;
    uint64_t received;
};

struct user {
    struct boot *boot;
    uint32_t seed;
    void (*act)(struct user *user);
    bool over; /* the core is gone: what every call must say sooner or later */
};

static uint32_t random_below(uint32_t *seed, uint32_t limit)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % limit;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void nap(uint32_t us)
{
    struct timespec pause = {.tv_nsec = (long)us * 1000};
    nanosleep(&pause, NULL);
}

static uint64_t some_deadline(struct user *user)
{
    switch (random_below(&user->seed, 4)) {
    case 0:
        return 0;
    case 1:
        return now_ns() + random_below(&user->seed, 50000);
    case 2:
        return now_ns() + 2000000;
    default:
        return FOREVER;
    }
}

/* ---- the cores ---- */

static void echo(struct peer *p)
{
    struct ecu_rpmsg_hdr hdr;
    uint8_t data[PEER_BUFFER];
    for (unsigned i = 0; i < PEER_NUM && peer_receive(p, &hdr, data); i++)
        (void)peer_send(p, hdr.dst, hdr.src, data, hdr.len);
}

static void flood(struct peer *p, uint32_t *seed)
{
    uint8_t data[MESSAGE_MAX];
    uint32_t len = 1 + random_below(seed, MESSAGE_MAX);
    memset(data, (int)len, len);
    for (uint32_t n = random_below(seed, 2 * PEER_NUM); n > 0; n--)
        if (!peer_stage(p, 7, 1024 + random_below(seed, 6), data, (uint16_t)len))
            break;
    peer_flush(p);
}

static void *run_core(void *argument)
{
    struct boot *boot = argument;
    uint32_t seed = 1;
    while (!__atomic_load_n(&boot->core_stops, __ATOMIC_SEQ_CST)) {
        switch (random_below(&seed, 6)) {
        case 0:
            flood(boot->peer, &seed);
            break;
        case 1:
            peer_ring_host(boot->peer, random_below(&seed, 64));
            break;
        case 2:
            nap(random_below(&seed, 100));
            break;
        default:
            echo(boot->peer);
        }
    }
    return NULL;
}

/* ---- the program ---- */

static void note(struct user *user, int rc)
{
    CHECK(rc >= 0 || rc == -EAGAIN || rc == -ETIMEDOUT || rc == -EINTR || rc == -EINPROGRESS || rc == -EPIPE);
    if (rc == -EPIPE)
        user->over = true;
}

static struct rp_endpoint *some_endpoint(struct user *user)
{
    return user->boot->shared[random_below(&user->seed, SHARED)];
}

static void check_message(const struct inbound *in)
{
    CHECK(head(in)->len <= MESSAGE_MAX);
    if (head(in)->src == 7) /* of the flood; an echo has another content */
        for (uint32_t i = 0; i < head(in)->len; i++)
            CHECK(payload(in)[i] == (uint8_t)head(in)->len);
}

static void act_receive(struct user *user)
{
    struct inbound in;
    in.slot = (struct rp_slot){.ept = some_endpoint(user), .records = in.bytes, .stride = sizeof in.bytes, .max = 1,
                               .may_sleep = random_below(&user->seed, 8) > 0, .borrow = random_below(&user->seed, 4) == 0,
                               .deadline_ns = some_deadline(user)};
    int rc = rp_recv(&in.slot);
    note(user, rc);
    if (rc <= 0)
        return;
    __atomic_fetch_add(&user->boot->received, 1, __ATOMIC_RELAXED);
    if (in.slot.borrowed)
        rp_release(user->boot->peer->bus, in.slot.borrowed_buffer);
    else
        check_message(&in);
}

static void act_send(struct user *user)
{
    uint8_t data[16 * 24];
    uint32_t lens[24];
    uint32_t num = 1 + random_below(&user->seed, 24);
    memset(data, 1, sizeof data);
    for (uint32_t i = 0; i < num; i++)
        lens[i] = 1 + random_below(&user->seed, 16);
    note(user, rp_send_many(some_endpoint(user), 9, data, lens, num, some_deadline(user)));
}

static void act_churn(struct user *user)
{
    struct rp_endpoint *ept = NULL;
    struct rp_endpoint_stats stats;
    struct inbound in;
    uint32_t address = random_below(&user->seed, 2) ? ECU_RPMSG_ADDR_ANY : 1024 + random_below(&user->seed, 40);
    int rc = rp_endpoint_open(user->boot->peer->bus, address, 9, &ept);
    if (rc == -EADDRINUSE)
        return;
    note(user, rc);
    if (rc < 0)
        return;
    struct pollfd fd = {.fd = rp_endpoint_fd(ept), .events = POLLIN};
    CHECK(fd.fd >= 0);
    (void)poll(&fd, 1, (int)random_below(&user->seed, 2));
    note(user, rp_send(ept, 9, "x", 1, 0));
    note(user, receive(ept, &in, 0));
    rp_endpoint_stats(ept, &stats);
    CHECK(stats.queued <= 64);
    rp_endpoint_free(ept);
}

static void act_signal(struct user *user)
{
    struct rp_bus_stats stats;
    nap(50);
    for (unsigned i = 0; i < USERS; i++)
        pthread_kill(user->boot->users[i], SIGUSR1);
    rp_bus_stats(user->boot->peer->bus, &stats);
    user->over = stats.dead;
}

static void *run_user(void *argument)
{
    struct user *user = argument;
    while (!user->over)
        user->act(user);
    return NULL;
}

/* ---- boots ---- */

static void boot_begin(struct boot *boot, struct user users[USERS], uint32_t seed)
{
    static void (*const acts[USERS])(struct user *) = {act_receive, act_receive, act_receive, act_send,
                                                       act_send, act_churn, act_signal};
    boot->peer = peer_new(64, seed % 2 ? 5000 : 0);
    for (unsigned i = 0; i < SHARED; i++)
        CHECK(rp_endpoint_open(boot->peer->bus, ECU_RPMSG_ADDR_ANY, 9, &boot->shared[i]) == 0);
    CHECK(pthread_create(&boot->core, NULL, run_core, boot) == 0);
    for (unsigned i = 0; i < USERS; i++) {
        users[i] = (struct user){.boot = boot, .seed = seed * 100 + i, .act = acts[i]};
        CHECK(pthread_create(&boot->users[i], NULL, run_user, &users[i]) == 0);
    }
}

static void stop_core(struct boot *boot)
{
    __atomic_store_n(&boot->core_stops, true, __ATOMIC_SEQ_CST);
    CHECK(pthread_join(boot->core, NULL) == 0);
}

/* Returns how many messages were received: none in a boot that got no time, on a loaded machine. */
static uint64_t boot_end(struct boot *boot, uint32_t way)
{
    struct peer *p = boot->peer;
    if (way == 0) {
        rp_lifeline_cut(p->lifeline);
    } else if (way == 1) {
        stop_core(boot);
        __atomic_fetch_add(&p->to_host.ring.used->idx, 3 * PEER_NUM, __ATOMIC_SEQ_CST);
        peer_ring_host(p, 0);
    }
    rp_bus_stop(p->bus);
    CHECK(mprotect(p->host, PEER_SIZE, PROT_NONE) == 0);
    for (unsigned i = USERS; i > 0; i--) /* first the one that sends signals to the others */
        CHECK(pthread_join(boot->users[i - 1], NULL) == 0);
    if (way != 1)
        stop_core(boot);
    for (unsigned i = 0; i < SHARED; i++)
        rp_endpoint_free(boot->shared[i]);
    peer_free(p);
    return boot->received;
}

static uint64_t run(uint32_t seed)
{
    uint64_t received = 0;
    struct boot boots[CORES] = {0};
    struct user users[CORES][USERS];
    for (uint32_t i = 0; i < CORES; i++)
        boot_begin(&boots[i], users[i], seed * CORES + i);
    nap(20000 + random_below(&seed, 20000));
    for (uint32_t i = 0; i < CORES; i++)
        received += boot_end(&boots[i], random_below(&seed, 3));
    return received;
}

static void ignore(int number)
{
    (void)number;
}

int main(void)
{
    const char *text = getenv("RPROC_STRESS_SECONDS");
    uint64_t end = now_ns() + (text ? strtoull(text, NULL, 10) : 2) * 1000000000u;
    struct sigaction action = {.sa_handler = ignore}; /* without SA_RESTART: calls end with EINTR */
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    uint64_t received = 0;
    for (uint32_t seed = 1; now_ns() < end || received == 0; seed++)
        received += run(seed);
    return 0;
}
