/* SPDX-License-Identifier: Apache-2.0
 *
 * Who owns the receive ring, and death.
 *
 * Lost wake-ups are excluded by two rules:
 *   G1  bells on | used.idx here, against used.idx | bell wanted in the core: stores and loads with a full fence between them, so
 *       that one of the two sees the other (settle).
 *   G2  Who answers a bell and finds the ring BUSY leaves AGAIN in the word that says so, and BUSY is only taken out of a word
 *       without AGAIN: both change the same word, so there is an order between them.
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "ring_hot.h"
#include "rp_futex.h"

#include <unistd.h>

#define NAP_NS 20000

#define SCORE_MAX 16
#define SCORE_LOSS 4
#define PROBE_MIN 16u
#define PROBE_MAX 512u

bool bus_poke(struct rp_bus *bus)
{
    uint32_t state = __atomic_load_n(&bus->state, __ATOMIC_SEQ_CST);
    while (!(state & BUS_DEAD)) {
        uint32_t next = state & BUS_BUSY ? state | BUS_AGAIN : BUS_BUSY;
        if (__atomic_compare_exchange_n(&bus->state, &state, next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return !(state & BUS_BUSY);
    }
    return false;
}

/* For the rare callers that must have the ring, or know that nobody has it: opening, closing, giving a buffer back. */
bool bus_acquire(struct rp_bus *bus)
{
    while (!bus_try(bus)) {
        /* Also of a dead bus somebody may still be at the ring: wait until that is over. */
        uint32_t state = __atomic_load_n(&bus->state, __ATOMIC_ACQUIRE);
        if ((state & BUS_DEAD) && !(state & BUS_BUSY))
            return false;
        rp_nap(NAP_NS);
    }
    return true;
}

void bus_wait_for_guard(struct rp_bus *bus)
{
    while (__atomic_load_n(&bus->guard_taken, __ATOMIC_SEQ_CST))
        rp_nap(NAP_NS);
}

/* Show the core its buffers, ask for bells or for quiet, and ring; all with one fence. True: messages came before the bells were
 * on. */
static inline bool settle(struct rp_bus *bus)
{
    struct ecu_driver *rx = bus->config.rx;
    bool wanted = __atomic_load_n(&bus->listeners, __ATOMIC_SEQ_CST) > 0;
    bool ask = wanted && !ring_driver_listens(rx);
    if (ask)
        ring_driver_ask(rx);
    else if (!wanted && ring_driver_listens(rx))
        ecu_driver_quiet(rx);
    ring_driver_publish(rx);
    if (!ask && rx->num_unkicked == 0)
        return false;
    shared_full_fence(); /* G1; F1 and F2 of the ring */
    if (rx->num_unkicked > 0 && ring_driver_wants_kick(rx))
        rp_kick(bus->config.bells, bus->config.rx_notify);
    return ask && ecu_driver_pending(rx);
}

void bus_release(struct rp_bus *bus)
{
    for (int turn = 0;; turn++) {
        uint32_t state = BUS_BUSY;
        bool more = settle(bus);
        if (!more && __atomic_compare_exchange_n(&bus->state, &state, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            return;
        /* A peer that never pauses must not keep this thread for ever, and of a dead one everything was pumped. */
        if (turn > 0 || bus_is_dead(bus))
            break;
        __atomic_fetch_and(&bus->state, ~BUS_AGAIN, __ATOMIC_SEQ_CST);
        bus_pump(bus, NULL);
    }
    if (!(__atomic_fetch_and(&bus->state, ~(BUS_BUSY | BUS_AGAIN), __ATOMIC_SEQ_CST) & BUS_DEAD))
        bus_ring_service(bus);
}

void bus_look(struct rp_bus *bus)
{
    if (!bus_poke(bus))
        return;
    bus_pump(bus, NULL);
    bus_release(bus);
}

/* Called with the lifeline's lock or BUSY or tx_lock held, so it only marks and wakes. */
void bus_mark_dead(struct rp_bus *bus)
{
    if (__atomic_fetch_or(&bus->state, BUS_DEAD, __ATOMIC_SEQ_CST) & BUS_DEAD)
        return;
    bus_kill_endpoints(bus);
    bus_wake_senders(bus);
    bus_notice(bus);
}

/* Only the owner of the ring may read its `broken`; the copy in the statistics is for everybody. */
void bus_mark_broken(struct rp_bus *bus, const struct ecu_driver *ring)
{
    __atomic_store_n(&bus->stats.broken, (uint32_t)ring->broken, __ATOMIC_RELAXED);
    bus_mark_dead(bus);
}

void bus_notice(struct rp_bus *bus)
{
    uint64_t one = 1;
    ssize_t ignored = write(bus->notice, &one, sizeof one);
    (void)ignored;
}

/* ---- spinning ---- */

bool bus_worth_spinning(const struct rp_bus *bus, struct bus_spin *spin)
{
    if (bus->config.spin_ns == 0)
        return false;
    if (spin->score > 0)
        return true;
    uint32_t rest = PROBE_MIN << (-spin->score / SCORE_LOSS);
    if (++spin->skipped < (rest < PROBE_MAX ? rest : PROBE_MAX))
        return false;
    spin->skipped = 0;
    return true;
}

void bus_spun(struct bus_spin *spin, bool success)
{
    if (success)
        spin->score = SCORE_MAX;
    else if (spin->score > -5 * SCORE_LOSS)
        spin->score -= SCORE_LOSS;
}
