# SPDX-License-Identifier: Apache-2.0
"""The two doorbells of one boot: a pipe to the core, an eventfd from it (C: rp_bells.h)."""

import os
from typing import Any

from virtio._native import ffi, lib
from virtio.errors import ClosedError
from virtio.memory import SharedMemory


class Doorbells:
    """One boot's bells; ``native`` is the ``struct rp_bells *`` for the C half of other rooms.

    Raises OSError when descriptors run out. Thread safety: kick from any thread, the rest is the owner's.
    """

    def __init__(self, memory: SharedMemory) -> None:
        # The C half stores into the control page for as long as somebody kicks.
        self._page = memory.control_view()
        self.native: Any = ffi.new("struct rp_bells *")
        failed = lib.rp_bells_open(self.native, ffi.cast("void *", memory.control_va))
        if failed < 0:
            raise OSError(-failed, f"doorbells: {os.strerror(-failed)}")
        self._open = True

    @property
    def core_end(self) -> int:
        """Read end of the pipe from host to core, to be handed over."""
        self._check()
        return int(self.native.pipe_read)

    @property
    def bell_out(self) -> int:
        """Eventfd from core to host: handed over, and waited for edge-triggered, never read blockingly."""
        self._check()
        return int(self.native.event)

    @property
    def kicks(self) -> int:
        """Bells rung so far."""
        return int(self.native.kicks)

    def kick(self, notifyid: int) -> None:
        """Ring the core for a notify id; never blocks. After close it rings nobody: the core is gone."""
        if self._open:
            lib.rp_kick(self.native, notifyid)

    def close(self) -> None:
        """Close both bells. May be called again."""
        if self._open:
            self._open = False
            lib.rp_bells_close(self.native)
            self._page.release()

    def _check(self) -> None:
        if not self._open:
            raise ClosedError("the doorbells of this boot are closed")
