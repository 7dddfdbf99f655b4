/* SPDX-License-Identifier: Apache-2.0
 *
 * libFuzzer is the host; the remote rpmsg must stay whole and inside shared memory. Script:
 * support/rpmsg_script.h.
 */
#include "support/rpmsg_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *memory; /* kept: poisoning a new piece costs more than a run; cleared by each */
    static struct rpmsg_run run;

    if (memory == NULL)
        memory = aligned_alloc(4096, WORLD_SIZE);
    CHECK(memory != NULL);
    rpmsg_run_script(&run, memory, memory, data, size);
    return 0;
}
