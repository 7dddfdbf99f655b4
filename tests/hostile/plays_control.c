/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process core can do with its control socket and its life. docs/hand-over.md; live only.
 */
#define _GNU_SOURCE
#include "plays.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FLOOD_MESSAGES 100000
#define LIFE_SECONDS 60 /* of what escapes from its session, should nobody end it before */

static void send_packet(const struct stage *stage, const void *bytes, size_t size)
{
    ssize_t ignored = send(stage->control, bytes, size, MSG_NOSIGNAL);

    (void)ignored; /* the host may have ended the conversation */
}

static void send_head(const struct stage *stage, uint32_t size, uint32_t type)
{
    struct ecu_ctl_head head = {.size = size, .type = type};

    send_packet(stage, &head, sizeof head);
}

static void send_type(const struct stage *stage, uint32_t type)
{
    send_head(stage, sizeof(struct ecu_ctl_head), type);
}

/* ---- sizes ---- */

static void empty(struct stage *stage) { send_packet(stage, "", 0); }
static void short_head(struct stage *stage) { send_packet(stage, "\4\0\0\0", 4); }
static void size_too_large(struct stage *stage) { send_head(stage, 4096, ECU_CTL_HEARTBEAT); }
static void size_zero(struct stage *stage) { send_head(stage, 0, ECU_CTL_HEARTBEAT); }

static void too_long(struct stage *stage)
{
    static uint8_t packet[ECU_CTL_SIZE_MAX + 8];
    struct ecu_ctl_head head = {.size = sizeof packet, .type = ECU_CTL_HEARTBEAT};

    memcpy(packet, &head, sizeof head);
    send_packet(stage, packet, sizeof packet);
}

static void error_too_long(struct stage *stage)
{
    struct ecu_ctl_text text = {.error = 5, .length = 4000, .text = "no"};

    text.head = (struct ecu_ctl_head){.size = 20, .type = ECU_CTL_ERROR};
    send_packet(stage, &text, 20);
}

static void fault_too_long(struct stage *stage)
{
    struct ecu_ctl_fault fault = {.signal = 11, .num_registers = 0xFFFFFFFFu};

    fault.head = (struct ecu_ctl_head){.size = 24, .type = ECU_CTL_FAULT};
    send_packet(stage, &fault, 24);
}

static void stepped_short(struct stage *stage) { send_type(stage, ECU_CTL_STEPPED); }

/* ---- types and times ---- */

static void hello(struct stage *stage) { send_type(stage, ECU_CTL_HELLO); }
static void stop(struct stage *stage) { send_type(stage, ECU_CTL_STOP); }
static void second_ready(struct stage *stage) { send_type(stage, ECU_CTL_READY); }
static void stopped(struct stage *stage) { send_type(stage, ECU_CTL_STOPPED); }
static void reset_done(struct stage *stage) { send_type(stage, ECU_CTL_RESET_DONE); }
static void unknown_type(struct stage *stage) { send_type(stage, 0xDEADBEEFu); }
static void type_zero(struct stage *stage) { send_type(stage, 0); }

static void stepped(struct stage *stage)
{
    struct ecu_ctl_time message = {.now_ns = UINT64_MAX};

    message.head = (struct ecu_ctl_head){.size = sizeof message, .type = ECU_CTL_STEPPED};
    send_packet(stage, &message, sizeof message);
}

/* ---- descriptors, floods ---- */

static void descriptors(struct stage *stage)
{
    struct ecu_ctl_head head = {.size = sizeof head, .type = ECU_CTL_HEARTBEAT};
    struct iovec bytes = {&head, sizeof head};
    union {
        char space[CMSG_SPACE(16 * sizeof(int))];
        struct cmsghdr align;
    } control = {.space = {0}};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = sizeof control.space};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    int fds[16];

    for (int i = 0; i < 16; i++)
        fds[i] = STDIN_FILENO;
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(rights), fds, sizeof fds);
    ssize_t ignored = sendmsg(stage->control, &message, MSG_NOSIGNAL);

    (void)ignored;
}

static void flood(struct stage *stage)
{
    struct ecu_ctl_head head = {.size = sizeof head, .type = ECU_CTL_HEARTBEAT};

    for (int i = 0; i < FLOOD_MESSAGES; i++)
        if (send(stage->control, &head, sizeof head, MSG_NOSIGNAL) < 0)
            return;
}

/* ---- silence ---- */

/* Reads nothing any more, so that STOP is never seen: the host has to use force. */
static void deaf(struct stage *stage)
{
    stage_say(stage, stage->peer, "after", 5);
    for (;;)
        pause();
}

static void hang_up_and_live(struct stage *stage)
{
    shutdown(stage->control, SHUT_RDWR);
    close(stage->control);
    for (;;)
        pause();
}

/* ---- what stays behind ---- */

/* Only once its parent has ended: before, it would be the core that breaks the rules. */
static void scribble_for_ever(struct stage *stage, pid_t parent)
{
    alarm(LIFE_SECONDS);
    while (getppid() == parent)
        usleep(1000);
    for (uint16_t i = 0;; i++) {
        struct ecu_device *devices[] = {stage->to_host, stage->from_host};

        for (int d = 0; d < 2; d++) {
            __atomic_store_n(&devices[d]->ring.used->idx, i, __ATOMIC_RELEASE);
            __atomic_store_n(&devices[d]->ring.avail->idx, i, __ATOMIC_RELEASE);
            __atomic_store_n(&devices[d]->ring.desc[i % STAGE_RING_NUM].da, i, __ATOMIC_RELAXED);
        }
        stage_bell(stage);
        usleep(500);
    }
}

static void leave_child(struct stage *stage, bool escape)
{
    pid_t parent = getpid();
    pid_t child = fork();
    char text[32];

    if (child == 0) {
        if (escape)
            setsid();
        scribble_for_ever(stage, parent);
    }
    int length = snprintf(text, sizeof text, "pid %d", (int)child);

    stage_say(stage, stage->peer, text, (uint16_t)length);
}

static void child_in_session(struct stage *stage) { leave_child(stage, false); }
static void child_of_its_own(struct stage *stage) { leave_child(stage, true); }

#define ENDS PLAY_ENDS, 0, 1

const struct play plays_control[] = {
    {"control_empty_packet", ECU_RULE_CTL_SIZE, ENDS, empty},
    {"control_shorter_than_head", ECU_RULE_CTL_SIZE, ENDS, short_head},
    {"control_size_too_large", ECU_RULE_CTL_SIZE, ENDS, size_too_large},
    {"control_size_zero", ECU_RULE_CTL_SIZE, ENDS, size_zero},
    {"control_packet_too_long", ECU_RULE_CTL_SIZE, ENDS, too_long},
    {"control_error_length", ECU_RULE_CTL_SIZE, ENDS, error_too_long},
    {"control_fault_registers", ECU_RULE_CTL_SIZE, ENDS, fault_too_long},
    {"control_stepped_short", ECU_RULE_CTL_SIZE, ENDS, stepped_short},
    {"control_hello_from_core", ECU_RULE_CTL_TYPE, ENDS, hello},
    {"control_stop_from_core", ECU_RULE_CTL_TYPE, ENDS, stop},
    {"control_second_ready", ECU_RULE_CTL_STATE, ENDS, second_ready},
    {"control_stopped_unasked", ECU_RULE_CTL_STATE, ENDS, stopped},
    {"control_reset_done_unasked", ECU_RULE_CTL_STATE, ENDS, reset_done},
    {"control_stepped_unasked", ECU_RULE_CTL_STATE, ENDS, stepped},
    {"control_descriptors", ECU_RULE_CTL_FDS, ENDS, descriptors},
    {"control_flood", ECU_RULE_CTL_FLOOD, ENDS, flood},
    {"control_hang_up_and_live", ECU_RULE_NONE, ENDS, hang_up_and_live},
    {"control_unknown_type", ECU_RULE_NONE, PLAY_IGNORED, 0, 0, unknown_type},
    {"control_type_zero", ECU_RULE_NONE, PLAY_IGNORED, 0, 0, type_zero},
    {"control_never_read", ECU_RULE_NONE, PLAY_IGNORED, PLAY_SILENT, 1, deaf},
    {"child_in_session", ECU_RULE_NONE, PLAY_IGNORED, 0, 1, child_in_session},
    {"child_of_its_own", ECU_RULE_NONE, PLAY_IGNORED, 0, 1, child_of_its_own},
    {0},
};
