/* SPDX-License-Identifier: Apache-2.0
 *
 * What a message costs in instructions and time when nothing has to travel: one thread is host and core in turn,
 * sends a batch, receives it on the other side with endpoint dispatch and notification tests, and gives the
 * buffers back.
 *
 * usage: bench_hot_loop to-core|to-host|echo MESSAGES BATCH ENDPOINTS [SIZE [one|spread [EVENT_IDX]]]
 *
 * one: all messages go to the first of ENDPOINTS; spread: to each in turn. In `echo` a message goes there and back.
 */
#define _GNU_SOURCE
#include "pair.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_MAX 128u
#define RING 256u
#define BUFFER 512u

struct loop {
    struct pair pair;
    struct pair_core core;
    struct rp_endpoint **host;
    uint32_t num_endpoints;
    uint32_t batch;
    uint32_t size;
    bool spread;
    uint32_t next; /* endpoint of the next batch */
    uint32_t lens[BATCH_MAX];
    uint8_t payload[BATCH_MAX * BUFFER];
    uint64_t received;
    struct rp_slot slot;
    _Alignas(8) uint8_t records[BATCH_MAX * (sizeof(struct rp_record) + BUFFER)];
};

static struct loop loop;

static enum ecu_rx on_message(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    (void)ept;
    (void)msg;
    loop.received++;
    return ECU_RX_DONE;
}

static enum ecu_rx on_echo(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    loop.received++;
    must(ecu_rpmsg_trysendto(ept, msg->src, msg->data, msg->len) == 0, "ecu_rpmsg_trysendto");
    return ECU_RX_DONE;
}

static uint32_t turn(void)
{
    if (!loop.spread)
        return 0;
    loop.next = loop.next + 1 == loop.num_endpoints ? 0 : loop.next + 1;
    return loop.next;
}

static void send_to_core(uint32_t which)
{
    struct rp_endpoint *ept = loop.host[which];
    int rc = loop.batch == 1
                 ? rp_send(ept, PAIR_CORE_ADDR + which, loop.payload, loop.size, 0)
                 : rp_send_many(ept, PAIR_CORE_ADDR + which, loop.payload, loop.lens, loop.batch, 0);
    must(rc == (loop.batch == 1 ? 0 : (int)loop.batch), "rp_send");
    must(ecu_rpmsg_notify(&loop.core.rp, loop.core.rp.notify_id[1]) == (int)loop.batch, "ecu_rpmsg_notify");
}

static void send_to_host(uint32_t which)
{
    struct ecu_endpoint *ept = &loop.core.endpoints[which];
    if (loop.batch > 1)
        ecu_rpmsg_cork(&loop.core.rp);
    for (uint32_t i = 0; i < loop.batch; i++)
        must(ecu_rpmsg_trysendto(ept, PAIR_HOST_ADDR + which, loop.payload, loop.size) == 0, "ecu_rpmsg_trysendto");
    if (loop.batch > 1)
        ecu_rpmsg_uncork(&loop.core.rp);
}

static void receive_on_host(uint32_t which)
{
    loop.slot.ept = loop.host[which];
    must(rp_recv(&loop.slot) == (int)loop.batch, "rp_recv");
    loop.received += loop.batch;
}

static void to_core(void)
{
    send_to_core(turn());
}

static void to_host(void)
{
    uint32_t which = turn();
    send_to_host(which);
    receive_on_host(which);
}

static void echo(void)
{
    uint32_t which = turn();
    send_to_core(which);
    receive_on_host(which);
}

static void open_loop(bool event_idx, ecu_rx_fn fn)
{
    struct pair_config config = {.num = RING, .buffer_size = BUFFER, .event_idx = event_idx};
    pair_open(&loop.pair, &config);
    pair_start_bus(&loop.pair);
    pair_core_open(&loop.core, &loop.pair, loop.num_endpoints, fn, NULL);
    pair_core_count_kicks(&loop.core);
    ecu_rpmsg_poll(&loop.core.rp, true);
    loop.host = calloc(loop.num_endpoints, sizeof(struct rp_endpoint *));
    must(loop.host != NULL, "calloc");
    for (uint32_t i = 0; i < loop.num_endpoints; i++)
        must(rp_endpoint_open(loop.pair.bus, ECU_RPMSG_ADDR_ANY, PAIR_CORE_ADDR + i, &loop.host[i]) == 0,
             "rp_endpoint_open");
    for (uint32_t i = 0; i < loop.batch; i++)
        loop.lens[i] = loop.size;
    loop.slot = (struct rp_slot){.records = loop.records, .stride = sizeof(struct rp_record) + BUFFER,
                                 .max = loop.batch};
}

static void close_loop(void)
{
    for (uint32_t i = 0; i < loop.num_endpoints; i++)
        rp_endpoint_free(loop.host[i]);
    free(loop.host);
    pair_core_close(&loop.core);
    pair_close(&loop.pair);
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
    static const struct way {
        const char *name;
        void (*once)(void);
        ecu_rx_fn on_message;
        uint32_t messages; /* per call and message of the batch */
    } ways[] = {{"to-core", to_core, on_message, 1}, {"to-host", to_host, on_message, 1}, {"echo", echo, on_echo, 2}};
    const struct way *way = NULL;
    for (unsigned i = 0; argc >= 5 && i < sizeof ways / sizeof *ways; i++)
        if (strcmp(argv[1], ways[i].name) == 0)
            way = &ways[i];
    uint64_t messages = way ? strtoull(argv[2], NULL, 10) : 0;
    loop.batch = way ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;
    loop.num_endpoints = way ? (uint32_t)strtoul(argv[4], NULL, 10) : 0;
    loop.size = argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 10) : 16;
    loop.spread = argc > 6 && strcmp(argv[6], "spread") == 0;
    bool event_idx = argc > 7 && strtoul(argv[7], NULL, 10) != 0;
    if (messages == 0 || loop.batch == 0 || loop.batch > BATCH_MAX || loop.num_endpoints == 0 || loop.size > BUFFER - 16) {
        fprintf(stderr, "usage: %s to-core|to-host|echo MESSAGES BATCH ENDPOINTS [SIZE [one|spread [EVENT_IDX]]]\n", argv[0]);
        return 2;
    }
    open_loop(event_idx, way->on_message);
    double begin = now_ns();
    uint64_t num = 0;
    for (; num < messages; num += (uint64_t)loop.batch * way->messages)
        way->once();
    double ns = now_ns() - begin;
    must(loop.received == num, "receiving all messages");
    printf("{\"bench\": \"hot_loop\", \"way\": \"%s\", \"messages\": %" PRIu64 ", \"batch\": %u, \"endpoints\": %u, "
           "\"size\": %u, \"spread\": %s, \"event_idx\": %s, \"ns_per_message\": %.2f, \"kicks\": %" PRIu64 "}\n",
           way->name, num, loop.batch, loop.num_endpoints, loop.size, loop.spread ? "true" : "false",
           event_idx ? "true" : "false", ns / (double)num, loop.core.kicks);
    close_loop();
    return 0;
}
