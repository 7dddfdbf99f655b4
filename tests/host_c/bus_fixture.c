/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "bus_fixture.h"

#include "rp_futex.h"

#include <ecusdk/resource_table.h>

#include <string.h>
#include <sys/mman.h>

const char *fixture_subject = "";

static const struct ecu_standard_table loaded_table = {
    .header = ECU_TABLE_HEADER(4u),
    .offset = {offsetof(struct ecu_standard_table, image), offsetof(struct ecu_standard_table, trace_memory),
               offsetof(struct ecu_standard_table, trace), offsetof(struct ecu_standard_table, rpmsg)},
    .image = ECU_CARVEOUT_IMAGE,
    .trace_memory = ECU_CARVEOUT(FIXTURE_DA + FIXTURE_TRACE, FIXTURE_PAGE, "trace"),
    .trace = ECU_TRACE(FIXTURE_DA + FIXTURE_TRACE, FIXTURE_PAGE, "trace0"),
    .rpmsg = ECU_VDEV_RPMSG(FIXTURE_NUM, 64u),
};

static uint8_t *map_with_guard(int fd)
{
    uint8_t *base = mmap(NULL, FIXTURE_SIZE + FIXTURE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FIXTURE_CHECK(base != MAP_FAILED);
    FIXTURE_CHECK(mmap(base, FIXTURE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == base);
    return base;
}

static struct ecu_vring ring_at(uint8_t *base, size_t offset)
{
    struct ecu_vring ring;
    FIXTURE_CHECK(ecu_vring_map(&ring, base + offset, FIXTURE_PAGE, FIXTURE_NUM, 64) == 0);
    return ring;
}

static void open_host(struct fixture *f)
{
    struct ecu_vring rx = ring_at(f->host, FIXTURE_RING0), tx = ring_at(f->host, FIXTURE_RING1);
    FIXTURE_CHECK(ecu_driver_init(&f->rx, &rx, f->rx_slots) == 0);
    FIXTURE_CHECK(ecu_driver_init(&f->tx, &tx, f->tx_slots) == 0);
    FIXTURE_CHECK(rp_bells_open(&f->bells, f->host + FIXTURE_CONTROL) == 0);
    FIXTURE_CHECK((f->lifeline = rp_lifeline_new()) != NULL);
    struct rp_bus_config config = {
        .rx = &f->rx, .tx = &f->tx, .rx_notify = 0, .tx_notify = 1,
        .bells = &f->bells, .lifeline = f->lifeline,
        .buffers = f->host + FIXTURE_POOL, .buffers_da = FIXTURE_DA + FIXTURE_POOL,
        .buffer_size = FIXTURE_BUFFER_SIZE, .num_rx = FIXTURE_BUFFERS, .num_tx = FIXTURE_BUFFERS,
        .inbox = 512,
    };
    FIXTURE_CHECK((f->bus = rp_bus_new(&config)) != NULL);
    FIXTURE_CHECK(rp_endpoint_open(f->bus, ECU_RPMSG_ADDR_ANY, 0x400, &f->ept) == 0);
    FIXTURE_CHECK(rp_endpoint_open(f->bus, ECU_RPMSG_ADDR_NS, ECU_RPMSG_ADDR_ANY, &f->ns) == 0);
    FIXTURE_CHECK(rp_bus_start(f->bus) == 0);
}

struct fixture *fixture_new(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    FIXTURE_CHECK(f != NULL);
    int fd = memfd_create("fixture", MFD_CLOEXEC);
    FIXTURE_CHECK(fd >= 0 && ftruncate(fd, FIXTURE_SIZE) == 0);
    f->host = map_with_guard(fd);
    f->core = map_with_guard(fd);
    close(fd);
    memcpy(f->host + FIXTURE_TABLE, &loaded_table, sizeof loaded_table);
    open_host(f);
    struct ecu_vring ring0 = ring_at(f->core, FIXTURE_RING0), ring1 = ring_at(f->core, FIXTURE_RING1);
    FIXTURE_CHECK(ecu_device_init(&f->to_host, &ring0) == 0);
    FIXTURE_CHECK(ecu_device_init(&f->from_host, &ring1) == 0);
    return f;
}

void fixture_free(struct fixture *f)
{
    rp_bus_stop(f->bus);
    rp_endpoint_free(f->ept);
    rp_endpoint_free(f->ns);
    rp_bus_free(f->bus);
    rp_lifeline_free(f->lifeline);
    rp_bells_close(&f->bells);
    munmap(f->host, FIXTURE_SIZE + FIXTURE_PAGE);
    munmap(f->core, FIXTURE_SIZE + FIXTURE_PAGE);
    free(f);
}

void *fixture_da_to_va(void *context, uint64_t da, size_t size)
{
    const struct fixture *f = context;
    uint64_t offset = da - FIXTURE_DA;
    bool inside = da >= FIXTURE_DA && offset < FIXTURE_SIZE && size <= FIXTURE_SIZE - offset;
    return inside ? f->core + offset : NULL;
}

/* A buffer's descriptor is outstanding, or in the bus's hand; those without a buffer are free for ever. */
static void check_queue(const struct ecu_driver *queue)
{
    unsigned chains = 0;
    for (unsigned i = 0; i < FIXTURE_NUM; i++) {
        FIXTURE_CHECK(queue->slots[i].parts <= (i < FIXTURE_BUFFERS));
        chains += queue->slots[i].parts;
    }
    FIXTURE_CHECK(chains == ecu_driver_num_outstanding(queue) && queue->num_free == FIXTURE_NUM - FIXTURE_BUFFERS);
}

void fixture_check_books(const struct fixture *f)
{
    check_queue(&f->rx);
    check_queue(&f->tx);
}

int fixture_recv(struct rp_endpoint *ept, struct received *in, bool borrow, uint64_t timeout_ns)
{
    uint64_t deadline_ns = timeout_ns ? rp_now_ns() + timeout_ns : 0;
    in->slot = (struct rp_slot){.ept = ept, .records = (uint8_t *)&in->record, .max = 1, .may_sleep = true,
                                .stride = sizeof in->record + sizeof in->payload, .borrow = borrow,
                                .deadline_ns = deadline_ns};
    int rc = rp_recv(&in->slot);
    FIXTURE_CHECK(rc < 1 || (rc == 1 && in->record.len <= FIXTURE_MTU));
    return rc;
}

struct rp_bus_stats fixture_stats(const struct fixture *f)
{
    struct rp_bus_stats stats = {0};
    rp_bus_stats(f->bus, &stats);
    return stats;
}
