# SPDX-License-Identifier: Apache-2.0
"""What a core writes to a pipe, line by line into its log: bounded in length, rate and memory."""

import os
import re

from virtio.log import INFO, KernelLog
from virtio.wait import SYSTEM_CLOCK, Clock

#: Bytes of a line that are kept; the rest is replaced by the mark.
LINE_BYTES = 1024
CUT_MARK = " [cut]"
#: Lines at once, and lines per second from then on, before lines are counted instead of logged.
BURST_LINES = 1000
LINES_PER_SECOND = 500.0

_READ_BYTES = 65536
#: A core may enlarge its pipe to a megabyte.
_DRAIN_READS = 17
_LEVEL = re.compile(rb"<([0-7])>")


class LineReader:
    """Reads one pipe of a core into its log, marked with the core's name and the stream.

    A line that begins with ``<N>``, its printk level, is one that the core wrote by its log call and is
    marked with the name alone. ``fd`` is the read end, which the reader owns. More lines than the rate allows
    are counted and reported in one line. Thread safety: none; the caller serialises.
    """

    def __init__(
        self,
        fd: int,
        log: KernelLog,
        name: str,
        *,
        stream: str = "",
        level: int = INFO,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self._log = log
        self._name = name
        self._source = f"{name} {stream}" if stream else name
        self._level = level
        self._clock = clock
        self._partial = b""
        self._cut = False
        self._tokens = float(BURST_LINES)
        self._refilled = clock.now()
        self._suppressed = 0

    def read(self) -> bool:
        """Log what is there, at most 64 KiB; False at the end of the pipe."""
        data = self._take()
        return data is None or len(data) > 0

    def drain(self) -> None:
        """Log what the pipe still holds, at most one pipe of it: a stray child could go on writing."""
        for _ in range(_DRAIN_READS):
            if not self._take():
                break

    def close(self) -> None:
        """Log the last, unfinished line and close the pipe. May be called again."""
        if self.fd < 0:
            return
        if self._partial:
            self._emit(self._partial)
        self._report_suppressed()
        os.close(self.fd)
        self.fd = -1

    def _take(self) -> bytes | None:
        """Log and return what is there; None when the pipe is empty, no bytes at its end."""
        try:
            data = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return None
        self._feed(data)
        return data

    def _feed(self, data: bytes) -> None:
        self._refill()
        if self._tokens < 1 and data:
            # Counting is all a flood gets, so that it costs little more than the copy.
            self._suppressed += data.count(b"\n")
            self._partial = b""
            self._cut = not data.endswith(b"\n")
            return
        *lines, rest = (self._partial + data).split(b"\n")
        for line in lines:
            self._line(line)
        self._partial = rest
        if len(rest) > LINE_BYTES:
            self._line(rest)
            self._partial = b""
            self._cut = True

    def _line(self, line: bytes) -> None:
        """Log a line unless it is the end of one that was cut."""
        if self._cut:
            self._cut = False
        elif self._tokens < 1:
            self._suppressed += 1
        else:
            self._tokens -= 1
            self._emit(line)

    def _emit(self, line: bytes) -> None:
        level, source = self._level, self._source
        prefix = _LEVEL.match(line)
        if prefix is not None:
            level, source = int(prefix[1]), self._name
            line = line[prefix.end() :]
        text = line[:LINE_BYTES].decode("utf-8", "replace").rstrip("\r")
        self._log.emit(level, source, text + CUT_MARK * (len(line) > LINE_BYTES))

    def _refill(self) -> None:
        now = self._clock.now()
        self._tokens = min(self._tokens + (now - self._refilled) * LINES_PER_SECOND, float(BURST_LINES))
        self._refilled = now
        if self._suppressed and self._tokens >= LINES_PER_SECOND / 2:
            self._report_suppressed()

    def _report_suppressed(self) -> None:
        if self._suppressed:
            self._log.warning(self._source, f"{self._suppressed} lines suppressed")
            self._suppressed = 0
