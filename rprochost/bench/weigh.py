# SPDX-License-Identifier: Apache-2.0
"""What open endpoints weigh, in an interpreter of their own: ``python -m rprochost.bench.weigh 1,10,100``.

In one that has measured before, they would live in memory that it had already.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from rpmsg import Endpoint
from rprochost.bench import meter
from rprochost.bench.bench_core import Cores
from rprochost.bench.pairs import python_path
from rprochost.bench.placement import Placement, Places

#: Seconds for ten thousand of them, and the interpreter.
_LIMIT = 120.0


def weigh_endpoints(nums: Sequence[int]) -> list[int]:
    """Return the memory of so many open endpoints each, KiB, at least 1.

    Raises CalledProcessError, TimeoutExpired. Thread safety: any thread.
    """
    command = [sys.executable, "-P", "-m", "rprochost.bench.weigh", ",".join(map(str, nums))]
    environment = os.environ | {"PYTHONPATH": python_path()}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=_LIMIT, env=environment)
    return [int(line) for line in done.stdout.split()]


def main(words: Sequence[str]) -> int:
    """Print one line for each number. Thread safety: none; main thread only."""
    own = [os.getpid()]
    with ExitStack() as stack:
        core = Cores(stack, Places.choose(Placement.FREE)).boot("weighed")
        # What the first one makes for all of them is not theirs.
        core.open().close()
        gc.collect()
        before = meter.memory_kib(own)
        endpoints: list[Endpoint] = []
        for num in map(int, words[0].split(",")):
            endpoints += [core.open() for _ in range(num - len(endpoints))]
            print(max(meter.memory_kib(own) - before, 1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
