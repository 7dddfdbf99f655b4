/* SPDX-License-Identifier: Apache-2.0
 *
 * libFuzzer is the device; our driver must stay whole. Script: support/driver_script.h.
 */
#include "support/driver_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *memory = aligned_alloc(16, ecu_vring_size(SCRIPT_NUM_MAX, 16) / 16 * 16 + 16);
    struct driver_run run;

    CHECK(memory != NULL);
    driver_run_script(&run, memory, memory, data, size);
    free(run.slots);
    free(memory);
    return 0;
}
