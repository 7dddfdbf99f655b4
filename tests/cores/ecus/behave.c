/* SPDX-License-Identifier: Apache-2.0
 *
 * An ECU that misbehaves on demand: BEHAVIOUR, given to the compiler, says how it boots and stops; a
 * message to its service says what it does then. Any other message is echoed. */
#define _GNU_SOURCE
#include <ecusdk/resource_table.h>
#include <ecusdk/rpmsg.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef BEHAVIOUR
#define BEHAVIOUR "echo"
#endif

ECU_TABLE_DEFAULT;

static struct ecu_rpmsg rpmsg;
static struct ecu_endpoint *buckets[4];
static struct ecu_endpoint service;
static unsigned count; /* a global: each instance, and each boot, must have its own */
static int failure;

static int behaves(const char *word)
{
    return strcmp(BEHAVIOUR, word) == 0;
}

static int is(const struct ecu_message *msg, const char *word)
{
    return msg->len == strlen(word) && memcmp(msg->data, word, msg->len) == 0;
}

static void hang(void)
{
    for (;;)
        pause();
}

static void crash(void)
{
    volatile int *nowhere = (volatile int *)8;
    *nowhere = 1;
}

static void chat(void)
{
    for (int i = 0; i < 20000; i++)
        printf("line %d\n", i);
    fflush(stdout);
}

/* A child that outlives its core, in a process group of its own. */
static void leave_child(void)
{
    if (fork() == 0) {
        setpgid(0, 0);
        hang();
    }
}

static void misbehave(const struct ecu_message *msg)
{
    if (is(msg, "segfault"))
        crash();
    else if (is(msg, "exit"))
        exit(3);
    else if (is(msg, "kill"))
        kill(getpid(), SIGKILL);
    else if (is(msg, "hang"))
        hang();
    else if (is(msg, "fork"))
        leave_child();
    else if (is(msg, "chat"))
        chat();
    else if (is(msg, "error"))
        failure = -EIO;
}

static enum ecu_rx answer(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    ept->dst = msg->src;
    if (is(msg, "count")) {
        count++;
        (void)ecu_rpmsg_trysend(ept, &count, sizeof count);
    } else {
        misbehave(msg);
        (void)ecu_rpmsg_trysend(ept, msg->data, msg->len);
    }
    return ECU_RX_DONE;
}

static void *create(const struct ecu_host_ops *host, const char *instance)
{
    fprintf(stderr, "create %s\n", instance);
    return ecu_rpmsg_init(&rpmsg, host, buckets, 4) < 0 ? NULL : &rpmsg;
}

static int boot(void *handle, void *table, size_t size)
{
    if (behaves("refuse"))
        return -EPERM;
    if (behaves("hang_boot"))
        hang();
    if (behaves("exit_boot"))
        exit(4);
    if (behaves("segfault_boot"))
        crash();
    int error = ecu_rpmsg_boot(handle, table, size);
    return error < 0 ? error : ecu_rpmsg_open(handle, &service, "behave", ECU_RPMSG_ADDR_ANY, answer, NULL);
}

static int on_link(void *handle, uint32_t vdev, int up)
{
    return ecu_rpmsg_link(handle, vdev, up);
}

static int on_notify(void *handle, uint32_t id)
{
    int result = ecu_rpmsg_notify(handle, id);
    return failure != 0 ? failure : result;
}

static int stop(void *handle)
{
    (void)handle;
    if (behaves("hang_stop"))
        hang();
    return 0;
}

static void destroy(void *handle)
{
    (void)handle;
}

static const struct ecu_ops ops = {
    .size = sizeof ops,
#ifdef WRONG_ABI
    .abi = 7u << 16 | 2u,
#else
    .abi = ECU_ABI,
#endif
    .name = "behave",
    .table = &ecu_resource_table,
    .table_size = sizeof ecu_resource_table,
    .create = create,
    .boot = boot,
    .link = on_link,
    .notify = on_notify,
    .stop = stop,
    .destroy = destroy,
};

#ifdef NO_SYMBOL
#define ecu_get_ops another_name
ECU_EXPORT const struct ecu_ops *another_name(uint32_t host_abi);
#endif

const struct ecu_ops *ecu_get_ops(uint32_t host_abi)
{
    (void)host_abi;
    return &ops;
}
