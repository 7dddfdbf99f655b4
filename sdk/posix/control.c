/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets of the control socket.
 */
#define _GNU_SOURCE
#include "posix.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union fd_room {
    char bytes[CMSG_SPACE(sizeof(int) * ECU_CTL_FDS_ROOM)];
    struct cmsghdr align;
};

void ecu_ctl_close_fds(struct ecu_ctl_packet *packet)
{
    for (uint32_t i = 0; i < packet->num_fds; i++)
        if (packet->fds[i] >= 0)
            close(packet->fds[i]);
    packet->num_fds = 0;
}

static void take_fds(struct ecu_ctl_packet *packet, struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        packet->num_fds = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(packet->fds, CMSG_DATA(c), packet->num_fds * sizeof(int));
    }
    packet->fds_dropped = (msg->msg_flags & MSG_CTRUNC) != 0;
}

/* recvmsg's result, or a negative errno. */
static ssize_t receive_raw(int control, struct ecu_ctl_packet *packet, bool *truncated)
{
    union fd_room room;
    struct iovec part = {&packet->message, sizeof packet->message};
    struct msghdr msg = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};
    ssize_t got;

    do
        got = recvmsg(control, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    take_fds(packet, &msg);
    *truncated = (msg.msg_flags & MSG_TRUNC) != 0;
    return got;
}

int ecu_ctl_receive(int control, struct ecu_ctl_packet *packet)
{
    bool truncated = false;
    ssize_t got;

    memset(packet, 0, sizeof *packet);
    got = receive_raw(control, packet, &truncated);
    if (got == -EAGAIN)
        return 0;
    if (got <= 0)
        return -ENOTCONN;
    packet->size = (uint32_t)got;
    if (truncated || packet->size < sizeof packet->message.head ||
        packet->message.head.size != packet->size) {
        ecu_ctl_close_fds(packet);
        return -EPROTO;
    }
    return 1;
}

int ecu_ctl_send(int control, void *message, uint32_t type, uint32_t size)
{
    struct ecu_ctl_head head = {size, type};
    ssize_t sent;

    memcpy(message, &head, sizeof head);
    do
        sent = send(control, message, size, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return 0;
    return errno == EPIPE || errno == ECONNRESET ? -ENOTCONN : -errno;
}
