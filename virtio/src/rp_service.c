/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "rp_service.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH 32
#define WAKE_KEY UINT64_MAX

struct source {
    int fd; /* -1: free */
    uint32_t generation;
    rp_ready_fn fn;
    void *context;
};

struct call {
    int (*fn)(void *argument);
    void *argument;
    int result;
    bool done;
    struct call *next;
};

static struct {
    pthread_mutex_t lock; /* held while callbacks run; recursive, since a callback may remove sources */
    pthread_mutex_t call_lock;
    pthread_cond_t called;
    struct call *calls;
    pthread_t thread;
    int epoll;
    int wake;
    struct source *sources;
    uint32_t num_sources;
} service;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int start_error;
bool rp_is_forked;

/* The descriptors are shared with the parent: touching its epoll set from here would edit the parent's. */
static void in_child(void)
{
    __atomic_store_n(&rp_is_forked, true, __ATOMIC_RELAXED);
}

static void run_calls(void)
{
    for (;;) {
        pthread_mutex_lock(&service.call_lock);
        struct call *call = service.calls;
        if (call)
            service.calls = call->next;
        pthread_mutex_unlock(&service.call_lock);
        if (!call)
            return;
        int result = call->fn(call->argument);
        pthread_mutex_lock(&service.call_lock);
        call->result = result;
        call->done = true;
        pthread_cond_broadcast(&service.called);
        pthread_mutex_unlock(&service.call_lock);
    }
}

/* A source may be gone, or its slot taken by another, between epoll_wait and here: the generation tells. */
static void dispatch(uint64_t key, uint32_t events)
{
    uint32_t index = (uint32_t)key;
    if (index >= service.num_sources)
        return;
    struct source source = service.sources[index];
    if (source.fd >= 0 && source.generation == (uint32_t)(key >> 32))
        source.fn(source.context, events);
}

static void *serve(void *unused)
{
    (void)unused;
    struct epoll_event ready[BATCH];
    for (;;) {
        int num = epoll_wait(service.epoll, ready, BATCH, -1);
        bool called = false;
        pthread_mutex_lock(&service.lock);
        for (int i = 0; i < num; i++) {
            if (ready[i].data.u64 == WAKE_KEY)
                called = true;
            else
                dispatch(ready[i].data.u64, ready[i].events);
        }
        pthread_mutex_unlock(&service.lock);
        if (called) {
            uint64_t count;
            ssize_t ignored = read(service.wake, &count, sizeof count);
            (void)ignored;
            run_calls();
        }
    }
    return NULL;
}

static int start_thread(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the program's, not ours */
    int error = pthread_create(&service.thread, NULL, serve, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!error)
        pthread_setname_np(service.thread, "rproc-service");
    return -error;
}

static void start(void)
{
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&service.lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    pthread_mutex_init(&service.call_lock, NULL);
    pthread_cond_init(&service.called, NULL);
    service.epoll = epoll_create1(EPOLL_CLOEXEC);
    service.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = WAKE_KEY};
    if (service.epoll < 0 || service.wake < 0 || epoll_ctl(service.epoll, EPOLL_CTL_ADD, service.wake, &event) < 0) {
        start_error = -errno;
        return;
    }
    pthread_atfork(NULL, NULL, in_child);
    start_error = start_thread();
}

static int ensure_started(void)
{
    if (rp_forked())
        return -ECHILD;
    pthread_once(&once, start);
    return start_error;
}

/* Index of a free slot; grows the table when there is none. Negative errno. */
static int64_t free_slot(void)
{
    for (uint32_t i = 0; i < service.num_sources; i++)
        if (service.sources[i].fd < 0)
            return i;
    uint32_t num = service.num_sources ? 2 * service.num_sources : 16;
    struct source *sources = realloc(service.sources, num * sizeof *sources);
    if (!sources)
        return -ENOMEM;
    for (uint32_t i = service.num_sources; i < num; i++)
        sources[i] = (struct source){.fd = -1};
    int64_t first = service.num_sources;
    service.sources = sources;
    service.num_sources = num;
    return first;
}

int rp_service_add(int fd, uint32_t epoll_events, rp_ready_fn fn, void *context, uint64_t *token)
{
    int rc = ensure_started();
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&service.lock);
    int64_t slot = free_slot();
    if (slot >= 0) {
        struct source *source = &service.sources[slot];
        *source = (struct source){.fd = fd, .generation = source->generation + 1, .fn = fn, .context = context};
        uint64_t key = (uint64_t)source->generation << 32 | (uint64_t)slot;
        /* Known to the caller before the first event can come: a callback may want to remove itself. */
        *token = key;
        struct epoll_event event = {.events = epoll_events, .data.u64 = key};
        if (epoll_ctl(service.epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
            slot = -errno;
            source->fd = -1;
        }
    }
    pthread_mutex_unlock(&service.lock);
    return slot < 0 ? (int)slot : 0;
}

int rp_service_remove(uint64_t token)
{
    if (rp_forked())
        return -ECHILD;
    int rc = -ENOENT;
    uint32_t index = (uint32_t)token;
    pthread_mutex_lock(&service.lock);
    if (index < service.num_sources) {
        struct source *source = &service.sources[index];
        if (source->fd >= 0 && source->generation == (uint32_t)(token >> 32)) {
            epoll_ctl(service.epoll, EPOLL_CTL_DEL, source->fd, NULL);
            source->fd = -1;
            rc = 0;
        }
    }
    pthread_mutex_unlock(&service.lock);
    return rc;
}

int rp_service_call(int (*fn)(void *argument), void *argument)
{
    int rc = ensure_started();
    if (rc < 0)
        return rc;
    if (pthread_equal(pthread_self(), service.thread))
        return fn(argument);
    struct call call = {.fn = fn, .argument = argument};
    uint64_t one = 1;
    pthread_mutex_lock(&service.call_lock);
    struct call **last = &service.calls;
    while (*last)
        last = &(*last)->next;
    *last = &call;
    ssize_t ignored = write(service.wake, &one, sizeof one);
    (void)ignored;
    while (!call.done)
        pthread_cond_wait(&service.called, &service.call_lock);
    pthread_mutex_unlock(&service.call_lock);
    return call.result;
}
