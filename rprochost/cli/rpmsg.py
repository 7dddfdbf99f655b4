# SPDX-License-Identifier: Apache-2.0
"""The command ``rpmsg``: boot cores and talk to their channels."""

from rprochost.cli import load_quietly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run ``rpmsg`` and return its exit code. Thread safety: none; main thread only."""

    def load() -> "Callable[[], int]":
        from rprochost.cli.common import run_command
        from rprochost.cli.parser import build_parser
        from rprochost.cli.rpmsg_verbs import ABOUT, VERBS

        return lambda: run_command(build_parser("rpmsg", ABOUT, VERBS), arguments)

    return load_quietly(load)()
