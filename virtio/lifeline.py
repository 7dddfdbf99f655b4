# SPDX-License-Identifier: Apache-2.0
"""Whether this boot's core is still there (C: rp_lifeline.h)."""

import os
import threading
from typing import Any

from virtio._native import ffi, lib
from virtio.errors import ClosedError


class Lifeline:
    """Cut once, from C when a watched descriptor hangs up, or from Python; whoever waits wakes at once.

    ``native`` is the ``struct rp_lifeline *`` for the C half of other rooms, which must have let go of it
    before close(). Raises OSError when descriptors run out. Thread safety: any thread.
    """

    def __init__(self) -> None:
        # close() frees what another thread may be about to cut.
        self._lock = threading.Lock()
        self.native: Any = lib.rp_lifeline_new()
        if self.native == ffi.NULL:
            raise OSError(ffi.errno, f"lifeline: {os.strerror(ffi.errno)}")

    def watch(self, fd: int, *, hangup_only: bool) -> None:
        """Cut when ``fd`` hangs up or, unless ``hangup_only``, becomes readable, as a pidfd does.

        A copy is watched, so the caller may close ``fd``. Raises OSError (ENOSPC: too many; EMFILE).
        """
        failed = lib.rp_lifeline_watch(self._handle(), fd, hangup_only)
        if failed < 0:
            raise OSError(-failed, f"lifeline: {os.strerror(-failed)}")

    def cut(self) -> None:
        """Say that the core is gone. May be called again, and does nothing after close()."""
        with self._lock:
            if self.native != ffi.NULL:
                lib.rp_lifeline_cut(self.native)

    @property
    def is_cut(self) -> bool:
        """Whether the core is gone; True after close, too."""
        with self._lock:
            return self.native == ffi.NULL or bool(lib.rp_lifeline_is_cut(self.native))

    def fileno(self) -> int:
        """Return a descriptor that becomes readable once, when cut; nobody reads it."""
        return int(lib.rp_lifeline_fd(self._handle()))

    def close(self) -> None:
        """Stop watching and free it, without cutting. May be called again."""
        with self._lock:
            native, self.native = self.native, ffi.NULL
        if native != ffi.NULL:
            lib.rp_lifeline_free(native)

    def _handle(self) -> Any:
        if self.native == ffi.NULL:
            raise ClosedError("the lifeline of this boot is closed")
        return self.native
