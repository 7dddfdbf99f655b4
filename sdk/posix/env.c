/* SPDX-License-Identifier: Apache-2.0
 *
 * The surroundings of a core: made from HELLO, and taken down.
 */
#define _GNU_SOURCE
#include "posix.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void unmap_all(struct ecu_env *env)
{
    for (uint32_t i = 0; i < env->num_regions; i++)
        munmap(env->regions[i].va, env->regions[i].size);
    env->num_regions = 0;
    if (env->page)
        munmap(env->page, page_size());
    env->page = NULL;
    env->table = NULL;
    env->num_vdevs = 0;
}

void ecu_env_close(struct ecu_env *env)
{
    unmap_all(env);
    close_fd(&env->bell_in);
    close_fd(&env->bell_out);
    close_fd(&env->control);
}

static void *map_piece(int memory, uint64_t offset, uint64_t size)
{
    void *va = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, (off_t)offset);

    return va == MAP_FAILED ? NULL : va;
}

static bool map_memory(struct ecu_env *env, const struct ecu_ctl_hello *hello, int memory,
                       struct ecu_refusal *why)
{
    env->page = map_piece(memory, hello->control_offset, page_size());
    if (!env->page)
        return ecu_refuse(why, errno, "the control page cannot be mapped");
    for (uint32_t i = 0; i < hello->num_regions; i++) {
        const struct ecu_ctl_region *r = &hello->regions[i];
        void *va = map_piece(memory, r->offset, r->size);

        if (!va)
            return ecu_refuse(why, errno, "region %" PRIu32 " cannot be mapped", i);
        env->regions[env->num_regions++] = (struct ecu_region){r->da, r->size, va};
    }
    return true;
}

static bool check_memory(const struct ecu_ctl_hello *hello, int memory, struct ecu_refusal *why)
{
    struct stat st;

    if (fstat(memory, &st) != 0 || st.st_size <= 0)
        return ecu_refuse(why, EINVAL, "the first descriptor of HELLO is no shared memory");
    return ecu_hello_check_memory(hello, (uint64_t)st.st_size, page_size(), why);
}

/* The flags belong to the end of the pipe, which only the core has; of the eventfd both sides want it. */
static bool set_nonblocking(int fd, struct ecu_refusal *why, const char *name)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return ecu_refuse(why, errno, "the %s bell of HELLO cannot be used", name);
    return true;
}

/* Uses the packet's descriptors; what it keeps is taken out of the packet. */
static bool take_hello(struct ecu_env *env, struct ecu_ctl_packet *packet, struct ecu_refusal *why)
{
    const struct ecu_ctl_hello *hello = &packet->message.hello;
    int memory;

    if (!ecu_hello_check(packet, why))
        return false;
    memory = packet->fds[ECU_CTL_FD_MEMORY];
    if (!check_memory(hello, memory, why) || !map_memory(env, hello, memory, why) ||
        !set_nonblocking(packet->fds[ECU_CTL_FD_BELL_IN], why, "incoming") ||
        !set_nonblocking(packet->fds[ECU_CTL_FD_BELL_OUT], why, "outgoing"))
        return false;
    env->mode = hello->mode;
    memcpy(env->name, hello->name, sizeof env->name);
    ecu_env_init_ops(env);
    env->table = env->ops.da_to_va(env, hello->table_da, hello->table_size);
    env->table_size = hello->table_size;
    if (!ecu_env_find_vdevs(env, why))
        return false;
    env->bell_in = packet->fds[ECU_CTL_FD_BELL_IN];
    env->bell_out = packet->fds[ECU_CTL_FD_BELL_OUT];
    packet->fds[ECU_CTL_FD_BELL_IN] = packet->fds[ECU_CTL_FD_BELL_OUT] = -1;
    return true;
}

/* Sleeps: there is nothing else to do before HELLO. */
static int receive_hello(int control, struct ecu_ctl_packet *packet)
{
    struct pollfd ready = {control, POLLIN, 0};
    int got;

    while ((got = ecu_ctl_receive(control, packet)) == 0)
        if (poll(&ready, 1, -1) < 0 && errno != EINTR)
            return -errno;
    return got;
}

int ecu_env_open(struct ecu_env *env, int control)
{
    struct ecu_ctl_packet packet;
    struct ecu_refusal why = {0, ""};
    int got = receive_hello(control, &packet);

    memset(env, 0, sizeof *env);
    env->bell_in = env->bell_out = env->control = -1;
    env->log_fd = STDERR_FILENO;
    if (got == -EPROTO)
        ecu_refuse(&why, EPROTO, "the first message lies about its size or is longer than %u bytes",
                   ECU_CTL_SIZE_MAX);
    else if (got < 0)
        return got;
    else
        take_hello(env, &packet, &why);
    ecu_ctl_close_fds(&packet);
    env->control = control;
    if (!why.error)
        return 0;
    ecu_env_error(env, why.error, why.text);
    env->control = -1; /* stays the caller's */
    ecu_env_close(env);
    return -why.error;
}

/* ---- what a core says ---- */

int ecu_env_send(struct ecu_env *env, uint32_t type)
{
    struct ecu_ctl_head head;

    return ecu_ctl_send(env->control, &head, type, sizeof head);
}

int ecu_env_ready(struct ecu_env *env)
{
    return ecu_env_send(env, ECU_CTL_READY);
}

int ecu_env_error(struct ecu_env *env, int error, const char *text)
{
    struct ecu_ctl_text message;
    size_t length = strnlen(text, sizeof message.text);
    size_t size = offsetof(struct ecu_ctl_text, text) + length;

    message.error = error;
    message.length = (uint32_t)length;
    memcpy(message.text, text, length);
    return ecu_ctl_send(env->control, &message, ECU_CTL_ERROR, (uint32_t)size);
}

int ecu_env_stepped(struct ecu_env *env, uint64_t now_ns, uint64_t next_ns)
{
    struct ecu_ctl_time message = {.now_ns = now_ns, .next_ns = next_ns};

    return ecu_ctl_send(env->control, &message, ECU_CTL_STEPPED, sizeof message);
}
