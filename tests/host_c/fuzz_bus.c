/* SPDX-License-Identifier: Apache-2.0
 *
 * libFuzzer is the core; the host bus, from the used ring to the endpoints, must stay whole. Script:
 * bus_script.h.
 */
#include "bus_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)bus_run_script(data, size);
    return 0;
}
