# SPDX-License-Identifier: Apache-2.0
"""The commands ``rproc`` (this module) and ``rpmsg``: argparse, one module per verb.

The verbs import what they need when they run, so that help and ``rproc table`` load neither NumPy nor the
compiled extension. This module and ``rpmsg`` import next to nothing: until they run, Ctrl-C is a traceback.
"""

import signal
import sys

# Importing typing takes longer than all of this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run ``rproc`` and return its exit code. Thread safety: none; main thread only."""

    def load() -> "Callable[[], int]":
        from rprochost.cli.common import run_command
        from rprochost.cli.parser import build_parser
        from rprochost.cli.rproc_verbs import ABOUT, verbs_for

        verbs = verbs_for(sys.argv[1:] if arguments is None else arguments)
        return lambda: run_command(build_parser("rproc", ABOUT, verbs), arguments)

    return load_quietly(load)()


def load_quietly(load: "Callable[[], Callable[[], int]]") -> "Callable[[], int]":
    """Import what ``load`` imports and return its result; Ctrl-C ends the process without a word meanwhile.

    Thread safety: none; main thread only.
    """
    # A SIGINT that is ignored, as under nohup, or handled by the caller stays so.
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return load()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return load()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
