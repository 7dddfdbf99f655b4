/* SPDX-License-Identifier: Apache-2.0
 *
 * What the name service is told. Linux: rpmsg_ns_cb.
 */
#include "plays.h"

#include <string.h>

#define FLOOD_NAMES 24u /* the tests' hosts take 16 channels */

/* `size` bytes of a name service message, padded with zeros beyond its 40. */
static void tell(struct stage *stage, const char *name, size_t name_size, uint32_t addr, uint32_t flags,
                 uint16_t size)
{
    struct ecu_rpmsg_ns ns = {.addr = addr, .flags = flags};

    memcpy(ns.name, name, name_size);
    memset(stage->told, 0, sizeof stage->told);
    memcpy(stage->told, &ns, sizeof ns);
    stage->told_size = size;
    stage_say(stage, ECU_RPMSG_ADDR_NS, stage->told, size);
}

static void announce(struct stage *stage, const char *name, uint32_t addr)
{
    tell(stage, name, strlen(name), addr, 0, sizeof(struct ecu_rpmsg_ns));
}

static void bytes_39(struct stage *stage) { tell(stage, "short", 5, 900, 0, 39); }
static void bytes_41(struct stage *stage) { tell(stage, "long", 4, 901, 0, 41); }
static void bytes_0(struct stage *stage) { tell(stage, "", 0, 0, 0, 0); }
static void unterminated(struct stage *stage)
{
    tell(stage, "0123456789abcdef0123456789ABCDEF", 32, 902, 0, 40);
}

static void addr_any(struct stage *stage) { announce(stage, "anywhere", ECU_RPMSG_ADDR_ANY); }
static void unknown_flags(struct stage *stage) { tell(stage, "flags", 5, 903, 0x80000002u, 40); }

static void duplicate(struct stage *stage)
{
    announce(stage, "twin", 904);
    announce(stage, "twin", 904);
}

static void destroy_unknown(struct stage *stage) { tell(stage, "nobody", 6, 905, ECU_RPMSG_NS_DESTROY, 40); }

/* The right name, the wrong address. */
static void destroy_other(struct stage *stage) { tell(stage, "hostile", 7, 906, ECU_RPMSG_NS_DESTROY, 40); }

static void flood(struct stage *stage)
{
    for (uint32_t i = 0; i < FLOOD_NAMES; i++)
        announce(stage, "flood", 1000 + i);
}

static void terminal_escapes(struct stage *stage) { announce(stage, "\x1b[2J\x1b]0;title\a\r\n\b", 907); }
static void not_utf8(struct stage *stage) { announce(stage, "\xff\xfe\xc0\x80\xed\xa0\x80", 908); }
static void path_name(struct stage *stage) { announce(stage, "../../../etc/passwd", 909); }
static void empty_name(struct stage *stage) { announce(stage, "", 910); }
static void percent_name(struct stage *stage) { announce(stage, "%s%n{0}%(x)s", 911); }

#define DROPPED PLAY_DROPPED, PLAY_NAMES
#define IGNORED ECU_RULE_NONE, PLAY_IGNORED, PLAY_NAMES, 1

const struct play plays_names[] = {
    {"ns_39_bytes", ECU_RULE_NS_LENGTH, DROPPED, 1, bytes_39},
    {"ns_41_bytes", ECU_RULE_NS_LENGTH, DROPPED, 1, bytes_41},
    {"ns_0_bytes", ECU_RULE_NS_LENGTH, DROPPED, 1, bytes_0},
    {"ns_unterminated_name", ECU_RULE_NS_NAME, DROPPED, 1, unterminated},
    {"ns_address_any", ECU_RULE_NS_ADDR, DROPPED, 1, addr_any},
    {"ns_unknown_flags", ECU_RULE_NS_FLAGS, DROPPED, 1, unknown_flags},
    {"ns_duplicate", ECU_RULE_NS_DUPLICATE, DROPPED, 2, duplicate},
    {"ns_destroy_unknown", ECU_RULE_NS_UNKNOWN, DROPPED, 1, destroy_unknown},
    {"ns_destroy_other_address", ECU_RULE_NS_UNKNOWN, DROPPED, 1, destroy_other},
    {"ns_flood", ECU_RULE_NS_FLOOD, PLAY_DROPPED, PLAY_NAMES | PLAY_HOST_RUNS, FLOOD_NAMES, flood},
    {"ns_name_terminal_escapes", IGNORED, terminal_escapes},
    {"ns_name_not_utf8", IGNORED, not_utf8},
    {"ns_name_path", IGNORED, path_name},
    {"ns_name_empty", IGNORED, empty_name},
    {"ns_name_percent", IGNORED, percent_name},
    {0},
};
