/* SPDX-License-Identifier: Apache-2.0
 *
 * Every play of tests/hostile on the rings of a host bus in this process: what the bus makes of it, and
 * that a healthy bus beside it does not notice. Each play is also written down as a seed for fuzz_bus.
 */
#define _GNU_SOURCE
#include "bus_script.h"

#include "../hostile/plays.h"

#include <errno.h>
#include <unistd.h>

#define LIMIT_NS 20000000000u

static struct stage stage_of(struct fixture *f, int bell)
{
    return (struct stage){
        .to_host = &f->to_host, .from_host = &f->from_host, .to_host_id = 0, .from_host_id = 1,
        .da_to_va = fixture_da_to_va, .context = f, .bell = bell, .control = -1, .memory = -1,
        .page = (void *)(f->core + FIXTURE_CONTROL), .table = f->core + FIXTURE_TABLE, .table_size = 260,
        .src = 0x400, .peer = 1024,
    };
}

/* ---- the healthy bus ---- */

static void answer(struct fixture *f, struct stage *stage)
{
    struct ecu_chain chain;
    struct ecu_buffer part;
    uint8_t text[8];
    FIXTURE_CHECK(ecu_device_take(&f->from_host, &chain, &part, 1) == 1 && part.len == 16 + sizeof text);
    memcpy(text, (uint8_t *)fixture_da_to_va(f, part.da, part.len) + 16, sizeof text);
    ecu_device_give(&f->from_host, chain.id, 0);
    ecu_device_publish(&f->from_host);
    stage_say(stage, 1024, text, sizeof text);
}

static void check_echo(struct fixture *f)
{
    static uint64_t number;
    struct stage stage = stage_of(f, f->bells.event);
    struct received in;
    number++;
    FIXTURE_CHECK(rp_send(f->ept, 0x400, &number, sizeof number, 0) == 0);
    answer(f, &stage);
    FIXTURE_CHECK(fixture_recv(f->ept, &in, false, LIMIT_NS) == 1);
    FIXTURE_CHECK(in.record.src == 0x400 && in.record.len == sizeof number);
    FIXTURE_CHECK(memcmp(in.payload, &number, sizeof number) == 0);
    struct rp_bus_stats stats = fixture_stats(f);
    FIXTURE_CHECK(!stats.dead && stats.broken == 0 && stats.no_recipient == 0);
}

/* ---- outcomes ---- */

static uint64_t num_violations(const struct rp_bus_stats *stats)
{
    uint64_t sum = 0;
    for (unsigned rule = 0; rule < ECU_RULE_COUNT; rule++)
        sum += stats->violations[rule];
    return sum;
}

/* What every message that the plays call good looks like; the others must not come. */
static bool is_good(const struct received *in)
{
    static const char *const texts[] = {"good", "double", "flipflip", "0123456789abcdef"};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
        if (in->record.len == strlen(texts[i]) && memcmp(in->payload, texts[i], in->record.len) == 0)
            return true;
    return false;
}

/* Receives until "after", or until the bus is dead. Returns how many good messages came before. */
static unsigned drain(struct fixture *f, const struct play *play)
{
    struct received in;
    bool fatal = play->outcome == PLAY_BREAKS;
    for (unsigned num = 0;; num++) {
        int rc = fixture_recv(f->ept, &in, false, LIMIT_NS);
        FIXTURE_CHECK(rc == (rc < 0 && fatal ? -EPIPE : 1));
        if (rc < 0 || (in.record.len == 5 && memcmp(in.payload, "after", 5) == 0))
            return num;
        FIXTURE_CHECK(is_good(&in));
    }
}

static void wait_for_storm(const struct fixture *f)
{
    for (int i = 0; i < 10000 && fixture_stats(f).violations[ECU_RULE_BELL_STORM] == 0; i++)
        usleep(1000);
}

/* Nobody receives yet: it is the bell that must still work. */
static void wait_until_queued(const struct fixture *f)
{
    struct rp_endpoint_stats stats = {.queued = 0};
    for (int i = 0; i < 10000 && stats.queued == 0; i++) {
        rp_endpoint_stats(f->ept, &stats);
        usleep(1000);
    }
    FIXTURE_CHECK(stats.queued > 0);
}

static void check_names(struct fixture *f, const struct play *play, const struct stage *stage)
{
    struct received in = {.record = {0, 0}};
    for (unsigned i = 0; i < play->count; i++)
        FIXTURE_CHECK(fixture_recv(f->ns, &in, false, LIMIT_NS) == 1);
    FIXTURE_CHECK(in.record.len == stage->told_size);
    FIXTURE_CHECK(memcmp(in.payload, stage->told, stage->told_size) == 0);
    FIXTURE_CHECK(fixture_recv(f->ns, &in, false, 0) == -EAGAIN);
}

static void check_outcome(const struct play *play, const struct rp_bus_stats *stats, unsigned good)
{
    bool breaks = play->outcome == PLAY_BREAKS;
    uint64_t counted = stats->violations[play->rule];
    FIXTURE_CHECK(stats->dead == breaks && stats->broken == (breaks ? play->rule : ECU_RULE_NONE));
    FIXTURE_CHECK(num_violations(stats) == counted);
    FIXTURE_CHECK((stats->no_recipient == 1) == (play->outcome == PLAY_STRAY));
    if (play->outcome == PLAY_EITHER)
        FIXTURE_CHECK(counted + good == play->count);
    else if (play->rule == ECU_RULE_BELL_STORM)
        FIXTURE_CHECK(counted >= 1);
    else if (play->outcome == PLAY_DROPPED && !(play->flags & PLAY_NAMES))
        FIXTURE_CHECK(counted == play->count);
    else
        FIXTURE_CHECK(counted == 0);
}

/* ---- one play ---- */

static void say_before(struct fixture *f, bool hold)
{
    /* A view is of the ring only when nobody else queued the message before: no bell. */
    struct stage stage = stage_of(f, hold ? -1 : f->bells.event);
    struct received in;
    stage_say(&stage, 1024, "before", 6);
    FIXTURE_CHECK(fixture_recv(f->ept, &in, hold, LIMIT_NS) == 1 && in.record.len == 6);
    FIXTURE_CHECK(!hold || in.slot.borrowed);
    FIXTURE_CHECK(memcmp(in.slot.borrowed ? in.slot.borrowed : in.payload, "before", 6) == 0);
}

static void send_until_reaped(struct fixture *f, bool fatal)
{
    int rc = 0;
    for (unsigned i = 0; i < FIXTURE_BUFFERS + 2 && rc == 0; i++)
        rc = rp_send(f->ept, 0x400, "x", 1, 0);
    FIXTURE_CHECK(fatal ? rc == -EPIPE : rc == 0 || rc == -EAGAIN);
}

static void play_it(const struct play *play, struct fixture *healthy)
{
    struct fixture *f = fixture_new();
    struct stage stage = stage_of(f, f->bells.event);
    struct letter after;
    bool fatal = play->outcome == PLAY_BREAKS;
    fixture_subject = play->name;
    FIXTURE_CHECK(stage_take(&stage, &after));
    say_before(f, (play->flags & PLAY_HOST_HOLDS) != 0);
    play->run(&stage);
    check_echo(healthy);
    if (play->flags & PLAY_HOST_SENDS)
        send_until_reaped(f, fatal);
    if (play->rule == ECU_RULE_BELL_STORM)
        wait_for_storm(f);
    if (!fatal) {
        stage_post(&stage, &after, 1024, "after", 5);
        wait_until_queued(f);
    }
    unsigned good = drain(f, play);
    if (play->flags & PLAY_NAMES)
        check_names(f, play, &stage);
    struct rp_bus_stats stats = fixture_stats(f);
    check_outcome(play, &stats, good);
    check_echo(healthy);
    rp_bus_stop(f->bus);
    fixture_check_books(f);
    fixture_free(f);
}

/* ---- seeds ---- */

/* The play as writes: what differs in memory after it, then the program looks. Nothing of the host runs in
 * between. */
static void write_down(struct script *script, const uint8_t *before, const uint8_t *now)
{
    for (uint32_t at = 0; at < FIXTURE_SIZE; at++) {
        uint32_t size = 0;
        while (size < 255 && at + size < FIXTURE_SIZE && before[at + size] != now[at + size])
            size++;
        if (size == 0)
            continue;
        put(script, 1, CORE_WRITE);
        put(script, 2, at);
        put(script, 1, size);
        for (uint32_t i = 0; i < size; i++)
            put(script, 1, now[at + i]);
        at += size - 1;
    }
}

static void check_script(const struct play *play)
{
    struct fixture *f = fixture_new();
    struct stage stage = stage_of(f, -1);
    struct script script = {.size = 0};
    uint8_t *before = malloc(FIXTURE_SIZE);
    fixture_subject = play->name;
    FIXTURE_CHECK(before != NULL);
    memcpy(before, f->core, FIXTURE_SIZE);
    play->run(&stage);
    write_down(&script, before, f->core);
    put(&script, 2, HOST_RECV);
    for (unsigned i = 0; i < FIXTURE_BUFFERS; i++)
        put(&script, 2, HOST_SEND | 3 << 8);
    put(&script, 2, HOST_SEND_MANY | 2 << 8); /* the first that reaps */
    free(before);
    fixture_free(f);

    struct rp_bus_stats stats = bus_run_script(script.bytes, script.size);
    FIXTURE_CHECK(stats.broken == (play->outcome == PLAY_BREAKS ? play->rule : ECU_RULE_NONE));
    if (play->outcome == PLAY_DROPPED && !(play->flags & PLAY_NAMES))
        FIXTURE_CHECK(stats.violations[play->rule] == play->count);
    seed_save("fuzz_bus", play->name, script.bytes, script.size);
}

/* What would need the host in between, or more bytes than a seed has, is left to the fuzzer. */
static bool can_be_written_down(const struct play *play)
{
    unsigned needs_host = PLAY_HOST_RUNS | PLAY_HOST_HOLDS;
    return !(play->flags & needs_host) && strcmp(play->name, "rx_buffers_garbage") != 0 &&
           strcmp(play->name, "trace_without_nul") != 0;
}

int main(void)
{
    const struct play *const groups[] = {plays_ring, plays_message, plays_names, plays_memory, plays_bell};
    struct fixture *healthy = fixture_new();
    unsigned num = 0, with_rule = 0;
    for (unsigned g = 0; g < sizeof groups / sizeof *groups; g++) {
        for (const struct play *play = groups[g]; play->name; play++) {
            play_it(play, healthy);
            if (can_be_written_down(play))
                check_script(play);
            num++;
            with_rule += play->rule != ECU_RULE_NONE;
        }
    }
    fixture_free(healthy);
    printf("%u plays, %u of them with a rule\n", num, with_rule);
    return with_rule >= 30 ? 0 : 1;
}
