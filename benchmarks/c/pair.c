/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "pair.h"

#include <ecusdk/resource_table.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE 4096u
#define ALIGN 4096u
#define DA 0x40000000u

/* Each piece is a page-aligned region of its own, as the host of this project lays them out. */
enum piece { TABLE, RING0, RING1, POOL, NUM_PIECES };

static size_t pages(size_t size)
{
    return (size + PAGE - 1) / PAGE * PAGE;
}

static size_t piece_size(const struct pair_config *config, enum piece piece)
{
    if (piece == TABLE)
        return PAGE;
    if (piece == POOL)
        return pages(2 * (size_t)config->num * config->buffer_size);
    return pages(ecu_vring_size(config->num, ALIGN));
}

/* From the start of the memory; the control page lies before the first piece. */
static size_t piece_offset(const struct pair_config *config, enum piece piece)
{
    size_t offset = PAGE;
    for (enum piece before = TABLE; before < piece; before++)
        offset += piece_size(config, before);
    return offset;
}

static uint32_t piece_da(const struct pair_config *config, enum piece piece)
{
    return DA + (uint32_t)piece_offset(config, piece);
}

void fail(const char *what)
{
    fprintf(stderr, "benchmark: %s failed: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- host ---- */

struct bench_table {
    struct ecu_table_header header;
    uint32_t offset[1];
    struct ecu_rpmsg_entry rpmsg;
};

static void fill_table(struct pair *pair)
{
    const struct pair_config *config = &pair->config;
    struct bench_table table = {.header = ECU_TABLE_HEADER(1), .offset = {offsetof(struct bench_table, rpmsg)},
                                .rpmsg = ECU_VDEV_RPMSG_WITH(config->num, ALIGN,
                                                             config->event_idx ? ECU_DFEATURES_EVENT_IDX : 0u)};
    table.rpmsg.vring[0].da = piece_da(config, RING0);
    table.rpmsg.vring[1].da = piece_da(config, RING1);
    table.rpmsg.vdev.gfeatures = table.rpmsg.vdev.dfeatures;
    memcpy(pair->memory + piece_offset(config, TABLE), &table, sizeof table);
}

static void open_ring(struct pair *pair, enum piece piece, struct ecu_driver *driver, struct ecu_driver_slot *slots)
{
    const struct pair_config *config = &pair->config;
    struct ecu_vring ring;
    must(ecu_vring_map(&ring, pair->memory + piece_offset(config, piece), piece_size(config, piece), config->num,
                       ALIGN) == 0, "ecu_vring_map");
    must(ecu_driver_init(driver, &ring, slots) == 0, "ecu_driver_init");
    if (config->event_idx)
        ecu_driver_use_event_idx(driver);
}

void pair_open(struct pair *pair, const struct pair_config *config)
{
    *pair = (struct pair){.config = *config};
    pair->size = piece_offset(config, NUM_PIECES);
    pair->fd = memfd_create("benchmark", MFD_CLOEXEC);
    must(pair->fd >= 0 && ftruncate(pair->fd, (off_t)pair->size) == 0, "memfd_create");
    pair->memory = mmap(NULL, pair->size, PROT_READ | PROT_WRITE, MAP_SHARED, pair->fd, 0);
    must(pair->memory != MAP_FAILED, "mmap");
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair->control) == 0, "socketpair");
    must(rp_bells_open(&pair->bells, pair->memory) == 0, "rp_bells_open");
    pair->slots = calloc(2 * (size_t)config->num, sizeof *pair->slots);
    must(pair->slots != NULL, "calloc");
    fill_table(pair);
    open_ring(pair, RING0, &pair->rx, pair->slots);
    open_ring(pair, RING1, &pair->tx, pair->slots + config->num);
}

static void say_hello(struct pair *pair)
{
    struct ecu_ctl_hello hello = {
        .head = {sizeof hello, ECU_CTL_HELLO}, .magic = ECU_CTL_MAGIC, .major = ECU_CTL_MAJOR,
        .num_regions = NUM_PIECES, .table_da = piece_da(&pair->config, TABLE),
        .table_size = sizeof(struct bench_table), .name = "bench",
    };
    int fds[ECU_CTL_FDS] = {pair->fd, pair->bells.pipe_read, pair->bells.event};
    union {
        char bytes[CMSG_SPACE(sizeof fds)];
        struct cmsghdr align;
    } room = {{0}};
    struct iovec part = {&hello, sizeof hello};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    for (enum piece piece = TABLE; piece < NUM_PIECES; piece++)
        hello.regions[piece] = (struct ecu_ctl_region){.da = piece_da(&pair->config, piece),
                                                       .size = piece_size(&pair->config, piece),
                                                       .offset = piece_offset(&pair->config, piece)};
    *head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(head), fds, sizeof fds);
    must(sendmsg(pair->control[0], &msg, MSG_NOSIGNAL) == (ssize_t)sizeof hello, "HELLO");
}

void pair_start_bus(struct pair *pair)
{
    const struct pair_config *config = &pair->config;
    struct rp_bus_config bus = {
        .rx = &pair->rx, .tx = &pair->tx, .rx_notify = 0, .tx_notify = 1, .bells = &pair->bells,
        .lifeline = pair->lifeline = rp_lifeline_new(),
        .buffers = pair->memory + piece_offset(config, POOL), .buffers_da = piece_da(config, POOL),
        .buffer_size = config->buffer_size, .num_rx = config->num, .num_tx = config->num,
        .inbox = 4096, .spin_ns = config->spin_ns,
    };
    must(pair->lifeline != NULL && (pair->bus = rp_bus_new(&bus)) != NULL, "rp_bus_new");
    must(rp_bus_start(pair->bus) == 0, "rp_bus_start");
}

void pair_close(struct pair *pair)
{
    if (pair->bus)
        rp_bus_free(pair->bus);
    if (pair->lifeline)
        rp_lifeline_free(pair->lifeline);
    rp_bells_close(&pair->bells);
    close(pair->control[0]);
    close(pair->fd);
    munmap(pair->memory, pair->size);
    free(pair->slots);
}

/* ---- core ---- */

static uint32_t power_of_two(uint32_t at_least)
{
    uint32_t num = 1;
    while (num < at_least)
        num *= 2;
    return num;
}

void pair_core_open(struct pair_core *core, struct pair *pair, uint32_t num_endpoints, ecu_rx_fn on_message,
                    void *context)
{
    uint32_t num_buckets = power_of_two(num_endpoints);
    memset(core, 0, sizeof *core);
    say_hello(pair);
    must(ecu_env_open(&core->env, pair->control[1]) == 0, "ecu_env_open");
    core->ops = core->env.ops;
    core->buckets = calloc(num_buckets, sizeof(struct ecu_endpoint *));
    core->endpoints = calloc(num_endpoints, sizeof *core->endpoints);
    must(core->buckets && core->endpoints, "calloc");
    must(ecu_rpmsg_init(&core->rp, &core->ops, core->buckets, num_buckets) == 0, "ecu_rpmsg_init");
    must(ecu_rpmsg_boot(&core->rp, core->env.table, core->env.table_size) == 0, "ecu_rpmsg_boot");
    for (uint32_t i = 0; i < num_endpoints; i++)
        must(ecu_rpmsg_open(&core->rp, &core->endpoints[i], NULL, ECU_RPMSG_ADDR_ANY, on_message, context) == 0,
             "ecu_rpmsg_open");
    must(ecu_rpmsg_link(&core->rp, 0, 1) == 0, "ecu_rpmsg_link");
}

static void count_kick(void *context, uint32_t notify_id)
{
    struct pair_core *core = context;
    (void)notify_id;
    core->kicks++;
}

/* The environment's da_to_va, behind the changed context. */
static void *translate(void *context, uint64_t da, size_t size)
{
    struct pair_core *core = context;
    return core->env.ops.da_to_va(core->env.ops.context, da, size);
}

void pair_core_count_kicks(struct pair_core *core)
{
    core->ops.context = core;
    core->ops.kick = count_kick;
    core->ops.da_to_va = translate;
}

void pair_core_close(struct pair_core *core)
{
    ecu_env_close(&core->env);
    free(core->buckets);
    free(core->endpoints);
}
