/* SPDX-License-Identifier: Apache-2.0
 *
 * libFuzzer is the driver; our device must stay whole. Script: support/device_script.h.
 */
#include "support/device_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *memory = aligned_alloc(16, ecu_vring_size(SCRIPT_NUM_MAX, 16) / 16 * 16 + 16);
    struct device_run run;

    CHECK(memory != NULL);
    device_run_script(&run, memory, memory, data, size);
    free(memory);
    return 0;
}
