/* SPDX-License-Identifier: Apache-2.0 */
#include <ecusdk/rules.h>

/* Switches instead of tables of pointers: no relocations, so the text can stay in the ROM of a
 * position-independent image. */
#define RULES(R) \
    R(NONE, "no rule was broken") \
    R(USED_ID_RANGE, "a used entry names a descriptor that the ring does not have") \
    R(USED_ID_HEAD, "a used entry returns a chain that was not outstanding") \
    R(USED_IDX_JUMP, "used.idx moved by more than was outstanding, or backwards") \
    R(AVAIL_IDX_JUMP, "avail.idx moved by more than the ring holds, or backwards") \
    R(HEAD_RANGE, "an available entry names a descriptor that the ring does not have") \
    R(NEXT_RANGE, "a descriptor's next names a descriptor that the ring does not have") \
    R(CHAIN_LOOP, "a descriptor chain is longer than the ring") \
    R(CHAIN_ORDER, "a device-readable descriptor follows a device-writable one") \
    R(CHAIN_SIZE, "a descriptor chain has too many bytes or too many parts") \
    R(INDIRECT, "an indirect descriptor although the feature was not negotiated") \
    R(DESC_DA, "a descriptor lies outside the shared memory") \
    R(MSG_USED_LEN, "the used length is larger than the buffer") \
    R(MSG_SHORT, "a message is shorter than its 16-byte header") \
    R(MSG_LEN, "the length in a message header runs past the end of the message") \
    R(MSG_DIRECTION, "a buffer of the wrong direction lies in the ring") \
    R(NS_LENGTH, "a name service message is not 40 bytes long") \
    R(NS_NAME, "the name in a name service message has no terminating NUL") \
    R(NS_ADDR, "a name service message announces address ANY") \
    R(NS_FLAGS, "a name service message has unknown flag bits") \
    R(NS_DUPLICATE, "a channel that already exists was announced again") \
    R(NS_UNKNOWN, "a channel that does not exist was destroyed") \
    R(NS_FLOOD, "more channels were announced than the bus takes") \
    R(BELL_STORM, "the doorbell rings again and again without any work in the rings") \
    R(CTL_SIZE, "a control message is shorter than its head, or its size field lies") \
    R(CTL_TYPE, "a control message of a type that only a host may send") \
    R(CTL_STATE, "a control message at the wrong time") \
    R(CTL_FDS, "file descriptors were sent to the host") \
    R(CTL_FLOOD, "more control messages than anybody needs")

#define NAME_CASE(rule, text) \
    case ECU_RULE_##rule: \
        return #rule;
#define TEXT_CASE(rule, text) \
    case ECU_RULE_##rule: \
        return text;

const char *ecu_rule_name(unsigned rule)
{
    switch (rule) {
        RULES(NAME_CASE)
    default:
        return "UNKNOWN";
    }
}

const char *ecu_rule_text(unsigned rule)
{
    switch (rule) {
        RULES(TEXT_CASE)
    default:
        return "unknown rule";
    }
}
