# SPDX-License-Identifier: Apache-2.0
"""Trace buffers as streams of text.

A trace buffer is a C string that the firmware extends as it runs (Linux: rproc_trace_read). Nothing says how
far it has come or that it began anew, so a stream compares what is there with what it saw last.
"""

import codecs
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rproc.errors import StateTimeoutError
from virtio import Deadline, Wait

_CHUNK_BYTES = 4096


class TraceSnapshot(NamedTuple):
    """Where a trace buffer lies now: which boot, whether its core still runs, its memory if it has any.

    Thread safety: immutable.
    """

    generation: int
    alive: bool
    view: memoryview | None


class TraceStream:
    """The text of one trace buffer, from its beginning.

    The bytes are the core's: what is not UTF-8 is replaced. What a core wrote can still be read after its
    stop; a new boot begins a new text. Thread safety: none; the caller serialises.
    """

    def __init__(self, number: int, look: Callable[[], TraceSnapshot | None]) -> None:
        self.number = number
        #: Seconds without new text after which follow raises StateTimeoutError; None: it waits on.
        self.timeout: float | None = None
        self._look = look
        self._generation = -1
        self._view: memoryview | None = None
        self._begin()

    def _begin(self) -> None:
        self._seen = b""
        #: Where the firmware writes next, as far as can be seen.
        self._position = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def available(self) -> bool:
        """Whether the buffer lies in memory of the core (Linux otherwise shows "Trace  not available")."""
        self._refresh()
        return self._view is not None

    def read(self) -> str:
        """Return the text that was added since the last read, "" when there is none.

        A buffer that was cleared is read from its start again; one that the firmware goes round in gives what
        changed.
        """
        self._refresh()
        if self._view is None:
            return ""
        now = _until_nul(self._view)
        before, self._seen = self._seen, now
        return self._decoder.decode(self._added(before, now))

    def follow(self, interval: float = 0.1) -> Iterator[str]:
        """Yield new text as it comes, looking every ``interval`` seconds, until the core stops or crashes.

        Nothing rings when a trace grows, so this is the one place that polls. StateTimeoutError when nothing
        came for ``timeout`` seconds.
        """
        patience = Deadline(self.timeout)
        while True:
            alive = self._refresh()
            text = self.read()
            if text:
                yield text
                patience = Deadline(self.timeout)
            if not alive:
                return
            if patience.expired:
                raise StateTimeoutError(f"trace{self.number} got no new text for {self.timeout} s")
            Wait([], Deadline(interval)).ready()

    def _refresh(self) -> bool:
        """Look where the buffer is now; returns whether its core runs."""
        snapshot = self._look()
        if snapshot is None:
            return False
        if snapshot.generation != self._generation:
            self._generation = snapshot.generation
            self._view = None
            self._begin()
        if snapshot.view is not None:
            self._view = snapshot.view
        return snapshot.alive

    def _added(self, before: bytes, now: bytes) -> bytes:
        if now.startswith(before):
            start, self._position = len(before), len(now)
            return now[start:]
        if len(now) < len(before):
            self._begin_again(now)
            return now
        return self._rewritten(before, now)

    def _begin_again(self, now: bytes) -> None:
        self._position = len(now)
        self._decoder.reset()

    def _rewritten(self, before: bytes, now: bytes) -> bytes:
        """Text that replaced older text: a ring that has gone round, or a new text that is not shorter."""
        changed = [index for index, (old, new) in enumerate(zip(before, now, strict=False)) if old != new]
        first, last = changed[0], len(now) - 1 if len(now) > len(before) else changed[-1]
        # Bytes that happen to equal the old ones lie between the last known position and the first change.
        start = self._position if self._position <= first and self._position < len(before) else 0
        self._position = last + 1
        return now[start : last + 1]


def _until_nul(view: memoryview) -> bytes:
    """Copy up to the first NUL, or all; in pieces, since a core may claim a length of many megabytes."""
    text = bytearray()
    for start in range(0, len(view), _CHUNK_BYTES):
        chunk = bytes(view[start : start + _CHUNK_BYTES])
        end = chunk.find(0)
        if end >= 0:
            text += chunk[:end]
            break
        text += chunk
    return bytes(text)
