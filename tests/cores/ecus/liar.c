/* SPDX-License-Identifier: Apache-2.0
 *
 * A core without the SDK's main: it takes HELLO and then breaks the rule of the control protocol that its
 * first argument names, before READY or, with "late" as the second, after it. */
#define _GNU_SOURCE
#include <ecusdk/handover.h>
#include <ecusdk/resource_table.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

ECU_TABLE_DEFAULT;

static int control;

static void say(uint32_t size, uint32_t type, size_t length)
{
    static union {
        struct ecu_ctl_head head;
        char bytes[16384];
    } packet;
    packet.head.size = size;
    packet.head.type = type;
    send(control, &packet, length, MSG_NOSIGNAL);
}

static void say_head(uint32_t type)
{
    say(sizeof(struct ecu_ctl_head), type, sizeof(struct ecu_ctl_head));
}

static void send_descriptor(void)
{
    struct ecu_ctl_head head = {sizeof head, ECU_CTL_HEARTBEAT};
    struct iovec part = {&head, sizeof head};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } rights = {.bytes = {0}};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
    int fd = 0;
    rights.header.cmsg_len = CMSG_LEN(sizeof fd);
    rights.header.cmsg_level = SOL_SOCKET;
    rights.header.cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(&rights.header), &fd, sizeof fd);
    sendmsg(control, &message, MSG_NOSIGNAL);
}

static void send_text(int32_t error, uint32_t claimed, const char *bytes, uint32_t length)
{
    struct ecu_ctl_text text = {.error = error, .length = claimed};
    text.head.size = 16 + length;
    text.head.type = ECU_CTL_ERROR;
    memcpy(text.text, bytes, length);
    send(control, &text, text.head.size, MSG_NOSIGNAL);
}

static void lie(const char *what)
{
    if (!strcmp(what, "empty"))
        send(control, "", 0, MSG_NOSIGNAL);
    else if (!strcmp(what, "short"))
        send(control, "abc", 3, MSG_NOSIGNAL);
    else if (!strcmp(what, "size"))
        say(100, ECU_CTL_HEARTBEAT, 8);
    else if (!strcmp(what, "huge"))
        say(16384, ECU_CTL_HEARTBEAT, 16384);
    else if (!strcmp(what, "fault_short"))
        say_head(ECU_CTL_FAULT);
    else if (!strcmp(what, "text_length"))
        send_text(5, 4000, "abc", 3);
    else if (!strcmp(what, "type"))
        say_head(ECU_CTL_HELLO);
    else if (!strcmp(what, "stopped"))
        say_head(ECU_CTL_STOPPED);
    else if (!strcmp(what, "stepped"))
        say(24, ECU_CTL_STEPPED, 24);
    else if (!strcmp(what, "reset_done"))
        say_head(ECU_CTL_RESET_DONE);
    else if (!strcmp(what, "ready"))
        for (int i = 0; i < 2; i++)
            say_head(ECU_CTL_READY);
    else if (!strcmp(what, "fds"))
        send_descriptor();
    else if (!strcmp(what, "flood"))
        for (int i = 0; i < 2000; i++)
            say_head(9999); /* unknown types are ignored, and counted */
    else if (!strcmp(what, "utf8"))
        send_text(5, 5, "a\xff\x00\x1b[", 5);
    else if (!strcmp(what, "hangup"))
        close(control);
}

int main(int argc, char **argv)
{
    static char hello[8192];
    control = atoi(getenv("ECUSDK_FD"));
    recv(control, hello, sizeof hello, 0);
    if (argc > 2) {
        say_head(ECU_CTL_READY);
        usleep(100000);
    }
    if (argc > 1)
        lie(argv[1]);
    for (;;)
        pause();
}
