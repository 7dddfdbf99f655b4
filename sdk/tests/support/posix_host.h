/* SPDX-License-Identifier: Apache-2.0
 *
 * A host for tests of sdk/posix: memory, bells, control socket and a HELLO that is right until a test breaks
 * it. It answers nothing by itself. Include first: memfd_create needs _GNU_SOURCE.
 */
#ifndef ECUSDK_TESTS_POSIX_HOST_H
#define ECUSDK_TESTS_POSIX_HOST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "check.h"

#include <ecusdk/env.h>
#include <ecusdk/resource_table.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST_PAGE 65536u /* a multiple of every page size */
#define HOST_TABLE_DA 0x100u
#define HOST_SECOND_DA 0x100000u
#define HOST_MEMORY_SIZE (4 * HOST_PAGE)
#define HOST_TIMEOUT_MS 10000

struct host_table {
    struct ecu_table_header header;
    uint32_t offset[3];
    struct ecu_trace_entry trace;
    struct ecu_rpmsg_entry vdev[2];
};

struct host {
    int control;
    int core_control; /* the core's end; -1 when handed over */
    int memory;
    int bell_read, bell_write, event;
    uint8_t *base;
    struct ecu_control_page *page;
    struct host_table *table;
    struct ecu_ctl_hello hello;
};

static inline void host_fill_table(struct host_table *table)
{
    static const struct host_table image = {
        .header = ECU_TABLE_HEADER(3),
        .offset = {offsetof(struct host_table, trace), offsetof(struct host_table, vdev),
                   offsetof(struct host_table, vdev) + sizeof(struct ecu_rpmsg_entry)},
        .trace = ECU_TRACE(HOST_SECOND_DA, 64, "trace0"),
        .vdev = {ECU_VDEV_RPMSG(16, 16), ECU_VDEV_RPMSG(16, 16)},
    };

    *table = image;
    table->vdev[1].vring[0].notifyid = 2;
    table->vdev[1].vring[1].notifyid = 3;
}

static inline void host_fill_hello(struct ecu_ctl_hello *hello)
{
    *hello = (struct ecu_ctl_hello){
        .head = {sizeof *hello, ECU_CTL_HELLO},
        .magic = ECU_CTL_MAGIC,
        .major = ECU_CTL_MAJOR,
        .num_regions = 2,
        .control_offset = 0,
        .table_da = HOST_TABLE_DA,
        .table_size = sizeof(struct host_table),
        .name = "door",
        .regions = {{0, HOST_PAGE, HOST_PAGE, ECU_CTL_FD_MEMORY, 0},
                    {HOST_SECOND_DA, 2 * HOST_PAGE, 2 * HOST_PAGE, ECU_CTL_FD_MEMORY, 0}},
    };
}

static inline void host_open(struct host *h)
{
    int sockets[2];
    int ends[2];

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0);
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    h->control = sockets[0];
    h->core_control = sockets[1];
    h->bell_read = ends[0];
    h->bell_write = ends[1];
    h->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->memory = memfd_create("test-host", MFD_CLOEXEC);
    CHECK(h->event >= 0 && h->memory >= 0 && ftruncate(h->memory, HOST_MEMORY_SIZE) == 0);
    h->base = mmap(NULL, HOST_MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, h->memory, 0);
    CHECK(h->base != MAP_FAILED);
    h->page = (void *)h->base;
    h->table = (void *)(h->base + HOST_PAGE + HOST_TABLE_DA);
    host_fill_table(h->table);
    host_fill_hello(&h->hello);
}

static inline void host_hang_up(struct host *h)
{
    if (h->control >= 0)
        close(h->control);
    h->control = -1;
}

static inline void host_close(struct host *h)
{
    host_hang_up(h);
    if (h->core_control >= 0)
        close(h->core_control);
    close(h->bell_read);
    close(h->bell_write);
    close(h->event);
    close(h->memory);
    munmap(h->base, HOST_MEMORY_SIZE);
}

/* Send raw bytes with num_fds descriptors. */
static inline void host_send_fds(struct host *h, const void *bytes, size_t size, const int *fds,
                                 size_t num_fds)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * 32)];
        struct cmsghdr align;
    } room = {{0}};
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

    if (num_fds > 0) {
        msg.msg_control = &room;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * num_fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * num_fds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * num_fds);
    }
    CHECK(sendmsg(h->control, &msg, MSG_NOSIGNAL) == (ssize_t)size);
}

/* num_fds of the right descriptors in the right order, then copies of the event. */
static inline void host_send_hello(struct host *h, size_t size, size_t num_fds)
{
    int fds[32];

    CHECK(num_fds <= 32);
    for (size_t i = 0; i < num_fds; i++)
        fds[i] = i == 0 ? h->memory : i == 1 ? h->bell_read : h->event;
    host_send_fds(h, &h->hello, size, fds, num_fds);
}

static inline void host_greet(struct host *h)
{
    host_send_hello(h, sizeof h->hello, ECU_CTL_FDS);
}

static inline void host_say(struct host *h, uint32_t type, uint64_t now_ns)
{
    uint32_t size = type == ECU_CTL_STEP ? sizeof(struct ecu_ctl_time) : sizeof(struct ecu_ctl_head);
    struct ecu_ctl_time message = {{size, type}, now_ns, 0};

    host_send_fds(h, &message, message.head.size, NULL, 0);
}

union host_answer {
    struct ecu_ctl_head head;
    struct ecu_ctl_text text;
    struct ecu_ctl_time time;
};

/* Next message of the core; its type, 0 for the end of the core. */
static inline uint32_t host_hear(struct host *h, union host_answer *answer)
{
    struct pollfd ready = {h->control, POLLIN, 0};
    ssize_t got;

    memset(answer, 0, sizeof *answer);
    CHECK(poll(&ready, 1, HOST_TIMEOUT_MS) == 1);
    got = recv(h->control, answer, sizeof *answer, 0);
    if (got <= 0)
        return 0;
    CHECK((size_t)got >= sizeof answer->head && answer->head.size == (size_t)got);
    return answer->head.type;
}

static inline void host_expect(struct host *h, uint32_t type)
{
    union host_answer answer;
    uint32_t got = host_hear(h, &answer);

    if (got == ECU_CTL_ERROR && type != ECU_CTL_ERROR)
        fprintf(stderr, "ERROR %d: %s\n", answer.text.error, answer.text.text);
    CHECK(got == type);
}

static inline void host_expect_error(struct host *h, int error, const char *words)
{
    union host_answer answer;

    CHECK(host_hear(h, &answer) == ECU_CTL_ERROR);
    CHECK(answer.text.head.size == offsetof(struct ecu_ctl_text, text) + answer.text.length);
    if (answer.text.error != error || !strstr(answer.text.text, words))
        fprintf(stderr, "got ERROR %d \"%s\", expected %d \"%s\"\n", answer.text.error,
                answer.text.text, error, words);
    CHECK(answer.text.error == error && strstr(answer.text.text, words));
}

static inline void host_ring(struct host *h, uint64_t notify_ids)
{
    __atomic_fetch_or(&h->page->to_core, notify_ids, __ATOMIC_SEQ_CST);
    CHECK(write(h->bell_write, "", 1) == 1);
}

static inline void host_set_status(struct host *h, unsigned vdev, uint8_t status)
{
    __atomic_store_n(&h->table->vdev[vdev].vdev.status, status, __ATOMIC_RELEASE);
}

static inline unsigned open_descriptors(void)
{
    unsigned num = 0;
    DIR *dir = opendir("/proc/self/fd");

    CHECK(dir);
    while (readdir(dir))
        num++;
    closedir(dir);
    return num;
}

#endif
