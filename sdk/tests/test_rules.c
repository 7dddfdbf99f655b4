/* SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <ecusdk/rules.h>

#include <string.h>

static void test_every_rule_has_a_name_and_a_text_of_its_own(void)
{
    for (unsigned a = 0; a < ECU_RULE_COUNT; a++) {
        CHECK(strcmp(ecu_rule_name(a), "UNKNOWN") != 0);
        CHECK(strlen(ecu_rule_text(a)) > 10);
        for (unsigned b = 0; b < a; b++) {
            CHECK(strcmp(ecu_rule_name(a), ecu_rule_name(b)) != 0);
            CHECK(strcmp(ecu_rule_text(a), ecu_rule_text(b)) != 0);
        }
    }
}

static void test_a_number_that_is_no_rule_is_named_unknown(void)
{
    CHECK(strcmp(ecu_rule_name(ECU_RULE_COUNT), "UNKNOWN") == 0);
    CHECK(strcmp(ecu_rule_name(0xFFFFFFFFu), "UNKNOWN") == 0);
    CHECK(ecu_rule_text(0xFFFFFFFFu)[0] != '\0');
}

static void test_names_are_those_of_the_enumeration(void)
{
    CHECK(strcmp(ecu_rule_name(ECU_RULE_USED_ID_RANGE), "USED_ID_RANGE") == 0);
    CHECK(strcmp(ecu_rule_name(ECU_RULE_DESC_DA), "DESC_DA") == 0);
    CHECK(strcmp(ecu_rule_name(ECU_RULE_CTL_FLOOD), "CTL_FLOOD") == 0);
}

int main(void)
{
    test_every_rule_has_a_name_and_a_text_of_its_own();
    test_a_number_that_is_no_rule_is_named_unknown();
    test_names_are_those_of_the_enumeration();
    return 0;
}
