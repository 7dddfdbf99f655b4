# SPDX-License-Identifier: Apache-2.0
"""The other process of a pair: ``python -m rprochost.bench.peers PARENT NAME WORD...``."""

import contextlib
import os
import sys
from collections.abc import Sequence

from rprochost._native import lib
from rprochost.bench import floors, rivals
from rprochost.bench.pairs import READY, Pair

#: Standard output, without a buffer that would be written at the end.
_OUTPUT = 1


def kinds() -> dict[str, type[Pair]]:
    """Return each kind of pair that can run here, by name. Thread safety: any thread."""
    return {kind.name: kind for kind in (*floors.PAIRS, *rivals.installed())}


def main(words: Sequence[str]) -> int:
    """Answer turns until standard input ends. Thread safety: none; main thread only."""
    parent, name, *rest = words
    # A host that is killed must not leave a process that spins.
    if lib.rp_die_with_parent(int(parent)) < 0:
        return 1
    answer = kinds()[name].join(rest)
    # A host that ends while this process is still coming up has nobody to tell.
    with contextlib.suppress(BrokenPipeError):
        os.write(_OUTPUT, READY)
        for line in sys.stdin.buffer:
            first, num = map(int, line.split())
            os.write(_OUTPUT, READY)
            answer(first, num)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
