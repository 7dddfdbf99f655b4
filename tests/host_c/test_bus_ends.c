/* SPDX-License-Identifier: Apache-2.0
 *
 * How waiting ends when it is not a message that ends it: the bus stops, the endpoint is closed, the channel goes, the core
 * says a last word and dies, the process forks.
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "peer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define FOREVER UINT64_MAX
#define ROUNDS 200

struct sleeper {
    struct rp_endpoint *ept;
    int result;
    pthread_t thread;
};

static struct rp_endpoint *open_ept(struct peer *p)
{
    struct rp_endpoint *ept = NULL;
    CHECK(rp_endpoint_open(p->bus, ECU_RPMSG_ADDR_ANY, 7, &ept) == 0);
    return ept;
}

static void *sleep_in_send(void *argument)
{
    struct sleeper *s = argument;
    s->result = rp_send(s->ept, 7, "x", 1, FOREVER);
    return NULL;
}

static void *sleep_in_receive(void *argument)
{
    struct sleeper *s = argument;
    struct inbound in;
    do
        s->result = receive(s->ept, &in, FOREVER);
    while (s->result > 0);
    return NULL;
}

static void *poll_in_receive(void *argument)
{
    struct sleeper *s = argument;
    struct inbound in;
    do
        s->result = receive(s->ept, &in, 0);
    while (s->result == -EAGAIN);
    return NULL;
}

static void nap(long ns)
{
    struct timespec pause = {.tv_nsec = ns};
    nanosleep(&pause, NULL);
}

static void begin(struct sleeper *s, struct rp_endpoint *ept, void *(*run)(void *))
{
    *s = (struct sleeper){.ept = ept};
    CHECK(pthread_create(&s->thread, NULL, run, s) == 0);
}

static void fill(struct rp_endpoint *ept)
{
    while (rp_send(ept, 7, "x", 1, 0) == 0)
        ;
}

/* After the stop the memory may go: whoever still leaves the bus must not look back at it. Many pollers, so that the stop takes
 * the CPU from one of them at any instant of its call. */
static void test_stop_lets_go_of_the_rings_while_everybody_leaves(void)
{
    void *(*const runs[])(void *) = {sleep_in_send, sleep_in_receive, sleep_in_receive,
                                     poll_in_receive, poll_in_receive, poll_in_receive};
    enum { NUM = sizeof runs / sizeof *runs };
    for (int round = 0; round < ROUNDS; round++) {
        struct peer *p = peer_new(16, round % 2 ? 20000 : 0);
        struct rp_endpoint *ept[NUM];
        struct sleeper s[NUM];
        for (unsigned i = 0; i < NUM; i++)
            ept[i] = open_ept(p);
        fill(ept[0]);
        for (unsigned i = 0; i < NUM; i++)
            begin(&s[i], ept[i], runs[i]);
        nap(1 + round * 4000);
        rp_bus_stop(p->bus);
        CHECK(mprotect(p->host, PEER_SIZE, PROT_NONE) == 0);
        for (unsigned i = 0; i < NUM; i++) {
            CHECK(pthread_join(s[i].thread, NULL) == 0);
            CHECK(s[i].result == -EPIPE);
            rp_endpoint_free(ept[i]);
        }
        peer_free(p);
    }
}

/* A sender that sleeps for want of a buffer, ended by `end`, returns with `result`. */
static void check_blocked_sender(void (*end)(struct rp_endpoint *), int result)
{
    struct peer *p = peer_new(16, 0);
    struct rp_endpoint *ept = open_ept(p);
    struct sleeper s;
    fill(ept);
    begin(&s, ept, sleep_in_send);
    nap(20000000);
    end(ept);
    CHECK(pthread_join(s.thread, NULL) == 0 && s.result == result);
    rp_endpoint_free(ept);
    peer_free(p);
}

static void test_close_wakes_the_blocked_sender(void)
{
    check_blocked_sender(rp_endpoint_close, -EBADF);
}

static void test_hang_up_wakes_the_blocked_sender(void)
{
    check_blocked_sender(rp_endpoint_hang_up, -EPIPE);
}

/* A process that answers and exits at once rings and hangs up in one instant. */
static void test_last_words_are_received_before_the_end(void)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct peer *p = peer_new(16, 0);
        struct rp_endpoint *ept = open_ept(p);
        struct inbound in;
        CHECK(peer_stage(p, 7, rp_endpoint_address(ept), &round, sizeof round));
        ecu_device_publish(&p->to_host);
        rp_lifeline_cut(p->lifeline);
        CHECK(receive(ept, &in, FOREVER) == 1 && memcmp(payload(&in), &round, sizeof round) == 0);
        CHECK(receive(ept, &in, FOREVER) == -EPIPE);
        rp_endpoint_free(ept);
        peer_free(p);
    }
}

static void *receive_once(void *argument)
{
    struct sleeper *s = argument;
    struct inbound in;
    s->result = receive(s->ept, &in, FOREVER);
    return NULL;
}

static void ignore(int number)
{
    (void)number;
}

/* The message woke the one that a signal woke too. Were it to leave without it, a second receiver of this endpoint would sleep on
 * beside it. */
static void test_a_message_that_comes_with_a_signal_is_not_left_behind(void)
{
    struct sigaction action = {.sa_handler = ignore};
    struct peer *p = peer_new(16, 0);
    struct rp_endpoint *ept = open_ept(p);
    struct sleeper s;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    begin(&s, ept, receive_once);
    nap(20000000);
    rp_lock(&ept->lock); /* between the end of its sleep and its next look */
    CHECK(pthread_kill(s.thread, SIGUSR1) == 0);
    nap(20000000);
    CHECK(rp_inbox_push(&ept->inbox, 7, "x", 1));
    endpoint_wake_one(ept);
    rp_unlock(&ept->lock);
    CHECK(pthread_join(s.thread, NULL) == 0 && s.result == 1);
    rp_endpoint_free(ept);
    peer_free(p);
}

static bool readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, 0) == 1;
}

/* Descriptors are shared with the child: what it frees there must not look like the core's death here. */
static void test_a_forked_child_that_frees_everything_disturbs_nobody(void)
{
    struct peer *p = peer_new(16, 0);
    struct rp_endpoint *ept = open_ept(p);
    struct inbound in;
    int fd = rp_endpoint_fd(ept);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(10); /* a lock that a thread of the parent held is held here for ever */
        CHECK(receive(ept, &in, 0) == -ECHILD && rp_send(ept, 7, "x", 1, 0) == -ECHILD);
        rp_bus_violation(p->bus, ECU_RULE_NS_NAME);
        rp_lifeline_cut(p->lifeline);
        rp_endpoint_hang_up(ept);
        rp_endpoint_close(ept);
        rp_bus_stop(p->bus);
        rp_endpoint_free(ept);
        peer_free(p);
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(!readable(fd) && !readable(rp_bus_notice_fd(p->bus)) && !readable(rp_lifeline_fd(p->lifeline)));
    CHECK(peer_send(p, 7, rp_endpoint_address(ept), "y", 1) && receive(ept, &in, FOREVER) == 1);
    rp_endpoint_free(ept);
    peer_free(p);
}

int main(void)
{
    test_stop_lets_go_of_the_rings_while_everybody_leaves();
    test_close_wakes_the_blocked_sender();
    test_hang_up_wakes_the_blocked_sender();
    test_last_words_are_received_before_the_end();
    test_a_message_that_comes_with_a_signal_is_not_left_behind();
    test_a_forked_child_that_frees_everything_disturbs_nobody();
    return 0;
}
