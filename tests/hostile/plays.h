/* SPDX-License-Identifier: Apache-2.0
 *
 * What a hostile core does, as one list of plays. The same functions are played twice: in one process with
 * a host bus (tests/host_c/test_hostile.c) and by a live process core (hostile.c). A play writes into
 * shared memory what no honest device would; docs/violations.md says what the host makes of it.
 */
#ifndef PLAYS_H
#define PLAYS_H

#include <ecusdk/handover.h>
#include <ecusdk/ring.h>
#include <ecusdk/rpmsg.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a core plays. It has 16 descriptors in each ring, of which the host uses 8. */
struct stage {
    struct ecu_device *to_host;   /* queue 0 */
    struct ecu_device *from_host; /* queue 1 */
    uint32_t to_host_id;          /* their notify ids */
    uint32_t from_host_id;
    void *(*da_to_va)(void *context, uint64_t da, size_t size);
    void *context;
    int bell;    /* eventfd, core to host */
    int control; /* control socket, or -1 */
    int memory;  /* memfd, or -1 */
    struct ecu_control_page *page;
    uint8_t *table; /* loaded resource table */
    size_t table_size;
    uint32_t src;  /* address the plays send from */
    uint32_t peer; /* endpoint of the host that listens */
    uint8_t told[64]; /* the last name service message */
    uint16_t told_size;
};

#define STAGE_RING_NUM 16u
#define STAGE_BUFFERS 8u
#define FLIP_ROUNDS 300u
#define STORM_RINGS 100000u

enum play_outcome {
    PLAY_BREAKS,  /* the queue is broken and the core has crashed */
    PLAY_ENDS,    /* the host ends the core: a broken conversation on the control socket, or silence */
    PLAY_DROPPED, /* dropped and counted under the rule; everything goes on */
    PLAY_STRAY,   /* counted as a message for nobody */
    PLAY_EITHER,  /* each message is either delivered whole or counted under the rule */
    PLAY_IGNORED  /* no effect at all */
};

enum play_flags {
    PLAY_HOST_SENDS = 1, /* the host sends until it has no fresh buffer left, so that it reaps queue 1 */
    PLAY_HOST_HOLDS = 2, /* the host holds the core's last message as a view */
    PLAY_SILENT = 4,     /* the play spoils the core's own position: it takes part in nothing afterwards */
    PLAY_NAMES = 8,      /* a message to the name service, which judges it */
    PLAY_HOST_RUNS = 16  /* the host must take messages or bells while it is played */
};

struct play {
    const char *name;
    enum ecu_rule rule;
    enum play_outcome outcome;
    unsigned flags;
    unsigned count; /* messages or violations that it makes, buffers that it returns */
    void (*run)(struct stage *stage);
};

/* Each ends with a play without a name. */
extern const struct play plays_ring[];
extern const struct play plays_message[];
extern const struct play plays_names[];
extern const struct play plays_memory[];
extern const struct play plays_bell[];
extern const struct play plays_control[]; /* live only */

/* ---- stage.c: what plays are made of ---- */

/* A buffer taken from the host: a private copy of where it lies, so that it can be used whatever became of
 * the rings. */
struct letter {
    uint16_t id;
    uint8_t *bytes;
    uint32_t size;
};

/* Waits some seconds for the host to offer one; false when it does not. */
bool stage_take(struct stage *stage, struct letter *letter);

/* Header and payload; `len` is what the header claims. */
void stage_write(const struct stage *stage, const struct letter *letter, uint32_t dst, const void *data,
                 size_t size, uint16_t len);

/* Return it with a used length, publish, ring. */
void stage_give(struct stage *stage, const struct letter *letter, uint32_t used_len);

/* The above for a message that keeps all rules. */
void stage_post(struct stage *stage, const struct letter *letter, uint32_t dst, const void *data,
                uint16_t len);
void stage_say(struct stage *stage, uint32_t dst, const void *data, uint16_t len);

void stage_kick(const struct stage *stage, uint32_t notify_id);
void stage_bell(const struct stage *stage); /* ring without saying for which id */

#endif
