/* SPDX-License-Identifier: Apache-2.0
 *
 * What a round trip between two processes costs with nothing around it: the floors below every figure of benchmarks/.
 *
 *   flag   both sides spin on a word in shared memory
 *   bell   both sides sleep on an eventfd
 *
 * usage: floors flag|bell COUNT CPU_A CPU_B (-1: wherever the scheduler likes); prints one round trip in ns per line, after a tenth of them as warm-up.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Each word has a cache line of its own: with both in one line the two writers would wait for each other twice. */
struct shared {
    _Alignas(64) _Atomic uint64_t ping;
    _Alignas(64) _Atomic uint64_t pong;
};

struct pair {
    struct shared *shared;
    int to_peer;
    int to_host;
};

typedef int (*turn_fn)(struct pair *pair, uint64_t number);

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void spin_until(_Atomic uint64_t *word, uint64_t value)
{
    while (atomic_load_explicit(word, memory_order_acquire) != value) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
}

static int flag_host(struct pair *pair, uint64_t number)
{
    atomic_store_explicit(&pair->shared->ping, number, memory_order_release);
    spin_until(&pair->shared->pong, number);
    return 0;
}

static int flag_peer(struct pair *pair, uint64_t number)
{
    spin_until(&pair->shared->ping, number);
    atomic_store_explicit(&pair->shared->pong, number, memory_order_release);
    return 0;
}

static int ring(int bell)
{
    uint64_t one = 1;
    return write(bell, &one, sizeof one) == (ssize_t)sizeof one ? 0 : -errno;
}

static int await(int bell)
{
    uint64_t count;
    return read(bell, &count, sizeof count) == (ssize_t)sizeof count ? 0 : -errno;
}

static int bell_host(struct pair *pair, uint64_t number)
{
    (void)number;
    int result = ring(pair->to_peer);
    return result < 0 ? result : await(pair->to_host);
}

static int bell_peer(struct pair *pair, uint64_t number)
{
    (void)number;
    int result = await(pair->to_peer);
    return result < 0 ? result : ring(pair->to_host);
}

static int pin(int cpu)
{
    cpu_set_t set;
    if (cpu < 0)
        return 0;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) < 0 ? -errno : 0;
}

static int peer_main(struct pair *pair, turn_fn turn, uint64_t count, int cpu)
{
    /* A host that is killed must not leave a process that spins for ever. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int result = pin(cpu);
    for (uint64_t number = 1; result == 0 && number <= count; number++)
        result = turn(pair, number);
    return result == 0 ? 0 : 1;
}

static int host_main(struct pair *pair, turn_fn turn, uint64_t count, int cpu)
{
    uint64_t warm_up = count / 10;
    int result = pin(cpu);
    for (uint64_t number = 1; result == 0 && number <= count; number++) {
        uint64_t begin = now_ns();
        result = turn(pair, number);
        if (number > warm_up)
            printf("%" PRIu64 "\n", now_ns() - begin);
    }
    return result == 0 ? 0 : 1;
}

static int open_pair(struct pair *pair)
{
    pair->shared = mmap(NULL, sizeof *pair->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pair->to_peer = eventfd(0, EFD_CLOEXEC);
    pair->to_host = eventfd(0, EFD_CLOEXEC);
    return pair->shared == MAP_FAILED || pair->to_peer < 0 || pair->to_host < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct pair pair;
    uint64_t count = argc == 5 ? strtoull(argv[2], NULL, 10) : 0;
    int flag = argc == 5 && strcmp(argv[1], "flag") == 0;
    if (count == 0 || (!flag && strcmp(argv[1], "bell") != 0)) {
        fprintf(stderr, "usage: floors flag|bell COUNT CPU_A CPU_B\n");
        return 2;
    }
    if (open_pair(&pair) < 0) {
        perror("floors");
        return 1;
    }
    pid_t peer = fork();
    if (peer < 0) {
        perror("floors");
        return 1;
    }
    if (peer == 0)
        _exit(peer_main(&pair, flag ? flag_peer : bell_peer, count, atoi(argv[4])));
    int result = host_main(&pair, flag ? flag_host : bell_host, count, atoi(argv[3]));
    int status = 0;
    if (result != 0)
        kill(peer, SIGKILL);
    waitpid(peer, &status, 0);
    return result != 0 || status != 0 ? 1 : 0;
}
