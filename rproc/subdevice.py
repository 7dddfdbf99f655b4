# SPDX-License-Identifier: Apache-2.0
"""Subdevices: what is prepared before a core starts and started after it (Linux: struct rproc_subdev)."""

from typing import Protocol


class Subdevice(Protocol):
    """A part of a remote processor with a life cycle of its own.

    prepare and start run in order, stop and unprepare in reverse. Thread safety: one thread at a time calls.
    """

    def prepare(self) -> None:
        """Get ready, before the core starts; what is raised ends the boot."""
        ...

    def start(self) -> None:
        """Begin, the core runs; what is raised ends the boot."""
        ...

    def stop(self, crashed: bool) -> None:
        """End; ``crashed``: the core is gone or not to be trusted."""
        ...

    def unprepare(self) -> None:
        """Undo prepare; the core has stopped."""
        ...
