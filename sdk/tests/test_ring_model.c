/* SPDX-License-Identifier: Apache-2.0
 *
 * Random offer, publish, take, give and reap against a model: four lists that a buffer passes through (staged
 * by the driver, visible to the device, with the device, visible to the driver again). Fixed seed: a failure
 * can be repeated.
 */
#include "support/ring_pair.h"

#define CAPACITY 16u

struct list {
    uint32_t num;
    uint32_t token[CAPACITY];
};

struct model {
    struct ring_pair pair;
    struct list staged, available, taken, given, used;
    uint16_t id_of[1u << 16];   /* token -> ring id */
    uint32_t parts_of[1u << 16];
    uint32_t next_token;
    uint32_t descriptors;
};

static uint32_t random_below(uint32_t limit)
{
    static uint32_t state = 20240607u;

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % limit;
}

static void push(struct list *list, uint32_t token)
{
    CHECK(list->num < CAPACITY);
    list->token[list->num++] = token;
}

static uint32_t pop(struct list *list, uint32_t at)
{
    uint32_t token = list->token[at];

    CHECK(at < list->num);
    list->num--;
    memmove(&list->token[at], &list->token[at + 1], (list->num - at) * sizeof list->token[0]);
    return token;
}

static void move_all(struct list *from, struct list *to)
{
    while (from->num > 0)
        push(to, pop(from, 0));
}

/* A token travels as the device address of its first part and comes back as the used length. */
static void step_offer(struct model *m)
{
    uint32_t num_parts = 1 + random_below(3), token = m->next_token & 0xFFFF;
    struct ecu_buffer parts[3] = {{token, 1, false}, {0, 1, true}, {0, 1, true}};
    int id = ecu_driver_offer(&m->pair.driver, parts, num_parts);

    if (m->descriptors + num_parts > m->pair.host.num) {
        CHECK(id == -ECU_ENOSPC);
        return;
    }
    CHECK(id >= 0);
    m->id_of[token] = (uint16_t)id;
    m->parts_of[token] = num_parts;
    m->descriptors += num_parts;
    m->next_token++;
    push(&m->staged, token);
}

static void step_take(struct model *m)
{
    struct ecu_buffer parts[CAPACITY];
    struct ecu_chain chain;
    uint32_t token;

    CHECK(ecu_device_pending(&m->pair.device) == (m->available.num > 0));
    if (m->available.num == 0) {
        CHECK(ecu_device_take(&m->pair.device, &chain, parts, CAPACITY) == 0);
        return;
    }
    token = pop(&m->available, 0);
    CHECK(ecu_device_take(&m->pair.device, &chain, parts, CAPACITY) == 1);
    CHECK(parts[0].da == token && chain.id == m->id_of[token] && chain.num_parts == m->parts_of[token]);
    push(&m->taken, token);
}

static void step_give(struct model *m)
{
    uint32_t token;

    if (m->taken.num == 0)
        return;
    token = pop(&m->taken, random_below(m->taken.num)); /* out of order */
    ecu_device_give(&m->pair.device, m->id_of[token], token);
    push(&m->given, token);
}

static void step_reap(struct model *m)
{
    struct ecu_reaped reaped;
    uint32_t token;

    CHECK(ecu_driver_pending(&m->pair.driver) == (m->used.num > 0));
    if (m->used.num == 0) {
        CHECK(ecu_driver_reap(&m->pair.driver, &reaped) == 0);
        return;
    }
    token = pop(&m->used, 0);
    CHECK(ecu_driver_reap(&m->pair.driver, &reaped) == 1);
    CHECK(reaped.id == m->id_of[token] && reaped.len == token && reaped.offered == m->parts_of[token]);
    m->descriptors -= m->parts_of[token];
}

static void step(struct model *m)
{
    switch (random_below(6)) {
    case 0:
        step_offer(m);
        break;
    case 1:
        ecu_driver_publish(&m->pair.driver);
        move_all(&m->staged, &m->available);
        break;
    case 2:
        step_take(m);
        break;
    case 3:
        step_give(m);
        break;
    case 4:
        ecu_device_publish(&m->pair.device);
        move_all(&m->given, &m->used);
        break;
    default:
        step_reap(m);
    }
    CHECK(m->pair.driver.num_free == m->pair.host.num - m->descriptors);
}

int main(void)
{
    static const uint32_t sizes[] = {1, 2, 8, 16};
    static struct model model;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memset(&model, 0, sizeof model);
        pair_open(&model.pair, sizes[i]);
        for (int n = 0; model.next_token < 70000; n++) { /* past the wrap of the indices */
            CHECK(n < 20000000);
            step(&model);
        }
        pair_close(&model.pair);
    }
    return 0;
}
