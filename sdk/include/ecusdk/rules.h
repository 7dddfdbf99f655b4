/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules that a peer can break, by number and by name. A ring violation breaks the queue; a message
 * violation drops the message. The names are what logs, counters and tests show.
 */
#ifndef ECUSDK_RULES_H
#define ECUSDK_RULES_H

enum ecu_rule {
    ECU_RULE_NONE = 0,

    /* Ring, seen by the driver (the host). virtio 1.2, 2.7.8 and 2.7.14 */
    ECU_RULE_USED_ID_RANGE,  /* used id names no descriptor of the ring */
    ECU_RULE_USED_ID_HEAD,   /* used id was not outstanding: never offered, or returned twice */
    ECU_RULE_USED_IDX_JUMP,  /* used.idx moved by more than what is outstanding, or backwards */

    /* Ring, seen by the device (the remote core). virtio 1.2, 2.7.5, 2.7.6 and 2.7.13 */
    ECU_RULE_AVAIL_IDX_JUMP, /* avail.idx moved by more than the ring holds, or backwards */
    ECU_RULE_HEAD_RANGE,     /* avail ring names no descriptor of the ring */
    ECU_RULE_NEXT_RANGE,     /* desc.next names no descriptor of the ring */
    ECU_RULE_CHAIN_LOOP,     /* chain longer than the ring */
    ECU_RULE_CHAIN_ORDER,    /* device-readable descriptor after a device-writable one */
    ECU_RULE_CHAIN_SIZE,     /* chain of more than 2^32 - 1 bytes, or of more parts than the reader takes */
    ECU_RULE_INDIRECT,       /* INDIRECT although it was not negotiated */
    ECU_RULE_DESC_DA,        /* descriptor outside the memory that both sides share */

    /* Message, seen by either side. Linux: rpmsg_recv_single */
    ECU_RULE_MSG_USED_LEN,   /* used length larger than the buffer */
    ECU_RULE_MSG_SHORT,      /* shorter than the 16-byte header */
    ECU_RULE_MSG_LEN,        /* header's len runs past the used length */
    ECU_RULE_MSG_DIRECTION,  /* buffer of the wrong direction in a ring */

    /* Name service, seen by the host. Linux: rpmsg_ns_cb */
    ECU_RULE_NS_LENGTH,      /* not exactly 40 bytes */
    ECU_RULE_NS_NAME,        /* name without a terminating NUL in its 32 bytes */
    ECU_RULE_NS_ADDR,        /* announces address ANY */
    ECU_RULE_NS_FLAGS,       /* flag bits other than bit 0 */
    ECU_RULE_NS_DUPLICATE,   /* announces a channel that exists */
    ECU_RULE_NS_UNKNOWN,     /* destroys a channel that does not exist */
    ECU_RULE_NS_FLOOD,       /* more channels than the bus takes */

    /* Doorbell and control socket, seen by the host. docs/hand-over.md */
    ECU_RULE_BELL_STORM,     /* rings and rings without any work in the rings */
    ECU_RULE_CTL_SIZE,       /* control message shorter than its head, or its size field lies */
    ECU_RULE_CTL_TYPE,       /* message that only a host may send */
    ECU_RULE_CTL_STATE,      /* message at the wrong time, such as a second READY */
    ECU_RULE_CTL_FDS,        /* descriptors sent to the host */
    ECU_RULE_CTL_FLOOD,      /* more control messages than anybody needs */

    ECU_RULE_COUNT
};

/* "USED_ID_RANGE" and so on; "UNKNOWN" for a number that is none. Never NULL. */
const char *ecu_rule_name(unsigned rule);

/* One sentence that says what the peer did. Never NULL. */
const char *ecu_rule_text(unsigned rule);

#endif
