/* SPDX-License-Identifier: Apache-2.0
 *
 * A live hostile core: an echo on channel "hostile" that, at the message "play", plays what its argument
 * names, once.
 *
 *   hostile NAME      started by a host
 *   hostile --list    prints the plays, one JSON object per line
 */
#define _GNU_SOURCE
#include "plays.h"

#include <ecusdk/env.h>
#include <ecusdk/resource_table.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

ECU_TABLE_STANDARD(STAGE_RING_NUM, 64);

struct hostile {
    const struct ecu_host_ops *host;
    struct ecu_rpmsg rpmsg;
    struct ecu_endpoint *buckets[4];
    struct ecu_endpoint service;
    uint8_t *table;
    size_t table_size;
    bool asked;
    bool silent;
};

static const struct play *chosen; /* NULL: an honest echo */
static int memory = -1;

static const struct {
    const char *name;
    const struct play *plays;
} groups[] = {
    {"ring", plays_ring}, {"message", plays_message}, {"names", plays_names},
    {"memory", plays_memory}, {"bell", plays_bell}, {"control", plays_control},
};
#define NUM_GROUPS (sizeof groups / sizeof *groups)

static const char *const outcomes[] = {"breaks", "ends", "dropped", "stray", "either", "ignored"};

/* ---- the play ---- */

static bool goes_on(const struct play *play)
{
    return play->outcome != PLAY_BREAKS && play->outcome != PLAY_ENDS;
}

static void perform(struct hostile *ecu)
{
    struct ecu_env *env = ecu->host->context; /* as ecusdk/env.h says */
    struct ecu_rpmsg *rp = &ecu->rpmsg;
    struct stage stage = {
        .to_host = &rp->tx, .from_host = &rp->rx,
        .to_host_id = rp->notify_id[0], .from_host_id = rp->notify_id[1],
        .da_to_va = ecu->host->da_to_va, .context = env, .bell = env->bell_out, .control = env->control,
        .memory = memory, .page = env->page, .table = ecu->table, .table_size = ecu->table_size,
        .src = ecu->service.addr, .peer = ecu->service.dst,
    };
    struct letter after;

    if (!chosen || !stage_take(&stage, &after))
        return;
    ecu->silent = (chosen->flags & PLAY_SILENT) != 0;
    chosen->run(&stage);
    if (goes_on(chosen))
        stage_post(&stage, &after, stage.peer, "after", 5);
}

static enum ecu_rx on_message(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    struct hostile *ecu = ept->context;

    if (ecu->asked) /* what came with "play" stays out: a play counts on buffers that are outstanding */
        return ECU_RX_HOLD;
    ept->dst = msg->src;
    if (msg->len == 4 && memcmp(msg->data, "play", 4) == 0)
        ecu->asked = true;
    else
        ecu_rpmsg_trysend(ept, msg->data, msg->len);
    return ECU_RX_DONE;
}

/* ---- ECU ---- */

static void *create(const struct ecu_host_ops *host, const char *instance)
{
    static struct hostile ecu;

    (void)instance;
    ecu.host = host;
    return ecu_rpmsg_init(&ecu.rpmsg, host, ecu.buckets, 4) < 0 ? NULL : &ecu;
}

static int boot(void *handle, void *table, size_t size)
{
    struct hostile *ecu = handle;
    int rc = ecu_rpmsg_boot(&ecu->rpmsg, table, size);

    ecu->table = table;
    ecu->table_size = size;
    if (rc < 0)
        return rc;
    return ecu_rpmsg_open(&ecu->rpmsg, &ecu->service, "hostile", ECU_RPMSG_ADDR_ANY, on_message, ecu);
}

static int on_link(void *handle, uint32_t vdev, int up)
{
    struct hostile *ecu = handle;

    return ecu->silent ? 0 : ecu_rpmsg_link(&ecu->rpmsg, vdev, up);
}

static int on_notify(void *handle, uint32_t notify_id)
{
    struct hostile *ecu = handle;
    int rc = ecu->silent ? 0 : ecu_rpmsg_notify(&ecu->rpmsg, notify_id);

    if (ecu->asked) { /* outside the SDK's batch, whose rings it is about to spoil */
        ecu->asked = false;
        perform(ecu);
    }
    return rc;
}

static int stop(void *handle) { (void)handle; return 0; }
static void destroy(void *handle) { (void)handle; }

const struct ecu_ops *ecu_get_ops(uint32_t host_abi)
{
    static const struct ecu_ops ops = {sizeof ops, ECU_ABI, "hostile",
                                       &ecu_resource_table, sizeof ecu_resource_table,
                                       create, boot, on_link, on_notify, NULL, stop, destroy};
    return host_abi >> 16 == ECU_ABI_MAJOR ? &ops : NULL;
}

/* ---- program ---- */

static const char *json_bool(unsigned flag)
{
    return flag ? "true" : "false";
}

static void list(void)
{
    for (size_t g = 0; g < NUM_GROUPS; g++)
        for (const struct play *p = groups[g].plays; p->name; p++)
            printf("{\"name\": \"%s\", \"group\": \"%s\", \"rule\": \"%s\", \"outcome\": \"%s\", "
                   "\"count\": %u, \"host_sends\": %s, \"host_holds\": %s, \"silent\": %s}\n",
                   p->name, groups[g].name, ecu_rule_name(p->rule), outcomes[p->outcome], p->count,
                   json_bool(p->flags & PLAY_HOST_SENDS), json_bool(p->flags & PLAY_HOST_HOLDS),
                   json_bool(p->flags & PLAY_SILENT));
}

static const struct play *find(const char *name)
{
    for (size_t g = 0; g < NUM_GROUPS; g++)
        for (const struct play *p = groups[g].plays; p->name; p++)
            if (strcmp(p->name, name) == 0)
                return p;
    return NULL;
}

/* The SDK closes the memory's descriptor once it is mapped; a hostile core looks at HELLO first and keeps a
 * copy. */
static void keep_memory(int control)
{
    static struct ecu_ctl_hello hello;
    struct iovec bytes = {&hello, sizeof hello};
    union {
        char space[CMSG_SPACE(ECU_CTL_FDS * sizeof(int))];
        struct cmsghdr align;
    } rights;
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &rights,
                             .msg_controllen = sizeof rights.space};

    if (recvmsg(control, &message, MSG_PEEK | MSG_CMSG_CLOEXEC) > 0 && CMSG_FIRSTHDR(&message))
        memcpy(&memory, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof memory);
}

int main(int argc, char **argv)
{
    const char *fd = getenv("ECUSDK_FD");
    int control = fd ? (int)strtol(fd, NULL, 10) : -1;

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list();
        return EXIT_SUCCESS;
    }
    if (control < 0 || argc > 2 || (argc == 2 && !(chosen = find(argv[1])))) {
        fprintf(stderr, "usage: %s --list, or [PLAY] when started by a host\n", argv[0]);
        return 2;
    }
    fcntl(control, F_SETFD, FD_CLOEXEC);
    keep_memory(control);
    return ecu_run(control, ecu_get_ops(ECU_ABI), STDERR_FILENO) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
