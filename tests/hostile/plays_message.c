/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages with wrong lengths or addresses. Linux: rpmsg_recv_single.
 */
#define _GNU_SOURCE
#include "plays.h"

#include <pthread.h>
#include <string.h>

#define BAD_MESSAGES (4 * STAGE_BUFFERS)

static const char text[] = "0123456789abcdef";

/* A message of `size` bytes that claims a used length and a header length of its own choice. */
static void lie(struct stage *stage, uint32_t used_len, uint16_t len)
{
    struct letter letter;

    if (!stage_take(stage, &letter))
        return;
    stage_write(stage, &letter, stage->peer, text, sizeof text - 1, len);
    stage_give(stage, &letter, used_len);
}

static void used_513(struct stage *stage) { lie(stage, 513, 16); }
static void used_all_ones(struct stage *stage) { lie(stage, 0xFFFFFFFFu, 16); }
static void used_65568(struct stage *stage) { lie(stage, 0x10020, 16); } /* 32 in 16 bits */
static void used_0(struct stage *stage) { lie(stage, 0, 16); }
static void used_1(struct stage *stage) { lie(stage, 1, 0); }
static void used_15(struct stage *stage) { lie(stage, 15, 0); }
static void len_497(struct stage *stage) { lie(stage, 512, 497); }
static void len_65535(struct stage *stage) { lie(stage, 512, 65535); }
static void len_one_more(struct stage *stage) { lie(stage, 32, 17); }
static void len_without_payload(struct stage *stage) { lie(stage, 16, 1); }

static void bad_between_good(struct stage *stage)
{
    struct letter letters[3];

    for (int i = 0; i < 3; i++)
        if (!stage_take(stage, &letters[i]))
            return;
    for (int i = 0; i < 3; i++) {
        stage_write(stage, &letters[i], stage->peer, "good", 4, i == 1 ? 400 : 4);
        ecu_device_give(stage->to_host, letters[i].id, 20);
    }
    ecu_device_publish(stage->to_host);
    stage_kick(stage, stage->to_host_id);
}

/* More bad messages than there are buffers: each one must come back. */
static void bad_rings(struct stage *stage)
{
    for (unsigned i = 0; i < BAD_MESSAGES; i++)
        lie(stage, 20, 500);
}

/* ---- addresses ---- */

static void stray(struct stage *stage, uint32_t dst) { stage_say(stage, dst, text, 16); }
static void dst_unknown(struct stage *stage) { stray(stage, 0x12345); }
static void dst_any(struct stage *stage) { stray(stage, ECU_RPMSG_ADDR_ANY); }
static void dst_top_bit(struct stage *stage) { stray(stage, 0x80000000u); }
static void dst_fixed(struct stage *stage) { stray(stage, 60); }
static void dst_next_dynamic(struct stage *stage) { stray(stage, stage->peer + 1000); }

/* The source is the core's own affair; a host must not use it as an index. */
static void src_any(struct stage *stage)
{
    uint32_t src = stage->src;

    stage->src = ECU_RPMSG_ADDR_ANY;
    stage_say(stage, stage->peer, text, 16);
    stage->src = src;
}

static void reserved_words(struct stage *stage)
{
    struct letter letter;

    if (!stage_take(stage, &letter))
        return;
    stage_write(stage, &letter, stage->peer, text, 16, 16);
    memset(letter.bytes + offsetof(struct ecu_rpmsg_hdr, reserved), 0xFF, sizeof(uint32_t));
    memset(letter.bytes + offsetof(struct ecu_rpmsg_hdr, flags), 0xFF, sizeof(uint16_t));
    stage_give(stage, &letter, 32);
}

/* ---- a header that changes while it is read ---- */

struct flipper {
    uint16_t *word;
    bool stop;
};

static void *flip(void *argument)
{
    struct flipper *flipper = argument;

    while (!__atomic_load_n(&flipper->stop, __ATOMIC_RELAXED)) {
        uint16_t *word = __atomic_load_n(&flipper->word, __ATOMIC_ACQUIRE);

        for (int i = 0; i < 50; i++) {
            __atomic_store_n(word, 65535, __ATOMIC_RELAXED);
            __atomic_store_n(word, 8, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

static void flipping_len(struct stage *stage)
{
    uint16_t rest = 0;
    struct flipper flipper = {.word = &rest};
    struct letter letter;
    pthread_t thread;

    if (pthread_create(&thread, NULL, flip, &flipper) != 0)
        return;
    for (unsigned i = 0; i < FLIP_ROUNDS && stage_take(stage, &letter); i++) {
        void *len = letter.bytes + offsetof(struct ecu_rpmsg_hdr, len);

        stage_write(stage, &letter, stage->peer, "flipflip", 8, 8);
        __atomic_store_n(&flipper.word, (uint16_t *)len, __ATOMIC_RELEASE);
        stage_give(stage, &letter, 24);
    }
    __atomic_store_n(&flipper.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
}

#define DROPPED PLAY_DROPPED, 0, 1
#define STRAY ECU_RULE_NONE, PLAY_STRAY, 0, 1

const struct play plays_message[] = {
    {"used_len_513", ECU_RULE_MSG_USED_LEN, DROPPED, used_513},
    {"used_len_all_ones", ECU_RULE_MSG_USED_LEN, DROPPED, used_all_ones},
    {"used_len_65568", ECU_RULE_MSG_USED_LEN, DROPPED, used_65568},
    {"used_len_0", ECU_RULE_MSG_SHORT, DROPPED, used_0},
    {"used_len_1", ECU_RULE_MSG_SHORT, DROPPED, used_1},
    {"used_len_15", ECU_RULE_MSG_SHORT, DROPPED, used_15},
    {"header_len_497_of_496", ECU_RULE_MSG_LEN, DROPPED, len_497},
    {"header_len_65535", ECU_RULE_MSG_LEN, DROPPED, len_65535},
    {"header_len_one_more_than_used", ECU_RULE_MSG_LEN, DROPPED, len_one_more},
    {"header_len_without_payload", ECU_RULE_MSG_LEN, DROPPED, len_without_payload},
    {"bad_message_between_good_ones", ECU_RULE_MSG_LEN, DROPPED, bad_between_good},
    {"bad_messages_four_rings_full", ECU_RULE_MSG_LEN, PLAY_DROPPED, PLAY_HOST_RUNS, BAD_MESSAGES, bad_rings},
    {"header_len_flips", ECU_RULE_MSG_LEN, PLAY_EITHER, PLAY_HOST_RUNS, FLIP_ROUNDS, flipping_len},
    {"dst_unknown", STRAY, dst_unknown},
    {"dst_any", STRAY, dst_any},
    {"dst_top_bit", STRAY, dst_top_bit},
    {"dst_fixed_and_closed", STRAY, dst_fixed},
    {"dst_beyond_the_table", STRAY, dst_next_dynamic},
    {"src_any", ECU_RULE_NONE, PLAY_IGNORED, 0, 1, src_any},
    {"header_reserved_words", ECU_RULE_NONE, PLAY_IGNORED, 0, 1, reserved_words},
    {0},
};
