# SPDX-License-Identifier: Apache-2.0
"""The kernel-like log of one core, or of a whole machine: what dmesg would show."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from virtio.wait import SYSTEM_CLOCK, Clock

#: Levels of printk.
ERR, WARNING, NOTICE, INFO, DEBUG = 3, 4, 5, 6, 7

MAX_LINES = 4096

_PYTHON_LEVEL = (logging.CRITICAL,) * 3 + (
    logging.ERROR,
    logging.WARNING,
    logging.INFO,
    logging.INFO,
    logging.DEBUG,
)

logger = logging.getLogger("rproc")
# A library does not write to a program's stderr unless the program sets up logging.
logger.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: nanoseconds since the log began, printk level (0 worst … 7 debug), source, text.

    Thread safety: immutable.
    """

    time_ns: int
    level: int
    source: str
    text: str

    def __str__(self) -> str:
        return f"{stamp(self.time_ns)} {self.source}: {self.text}"


def stamp(time_ns: int) -> str:
    """Return a time since the log's beginning as printk shows it. Thread safety: any thread."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"[{seconds:5d}.{rest // 1000:06d}]"


def printable(text: str) -> str:
    """Return the text on one line and with every control character as an escape.

    Names and messages of a core end up here: they must not move the cursor of the terminal that shows them.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in text)


class KernelLog:
    """Keeps the last 4096 lines and hands each to its parent, its subscribers and ``logging``.

    ``level`` is the highest (least important) printk level that is kept. Lines of a child have the time of
    the topmost parent. Thread safety: any thread.
    """

    def __init__(
        self, *, parent: "KernelLog | None" = None, level: int = DEBUG, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.level = level
        self._parent = parent
        self._clock: Clock = clock if parent is None else parent._clock
        self._epoch_ns: int = self._clock.now_ns() if parent is None else parent._epoch_ns
        self._lock = threading.Lock()
        self._lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._subscribers: tuple[Callable[[LogLine], None], ...] = ()

    @property
    def lines(self) -> list[LogLine]:
        """A copy of the lines kept, oldest first."""
        with self._lock:
            return list(self._lines)

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines))

    def now_ns(self) -> int:
        """Nanoseconds since the log began: what a line that is logged now gets as its time."""
        return self._clock.now_ns() - self._epoch_ns

    def emit(self, level: int, source: str, text: str) -> None:
        """Log one line, as ``dev_printk(level, source, text)`` does."""
        level = min(max(level, 0), DEBUG)
        if level <= self.level:
            self._add(LogLine(self.now_ns(), level, printable(source), printable(text)))

    def err(self, source: str, text: str) -> None:
        """Log at level 3."""
        self.emit(ERR, source, text)

    def warning(self, source: str, text: str) -> None:
        """Log at level 4."""
        self.emit(WARNING, source, text)

    def notice(self, source: str, text: str) -> None:
        """Log at level 5."""
        self.emit(NOTICE, source, text)

    def info(self, source: str, text: str) -> None:
        """Log at level 6."""
        self.emit(INFO, source, text)

    def debug(self, source: str, text: str) -> None:
        """Log at level 7."""
        self.emit(DEBUG, source, text)

    def subscribe(self, fn: Callable[[LogLine], None]) -> Callable[[], None]:
        """Call ``fn`` for each new line, in the thread that logs it; returns what ends that.

        ``fn`` must not wait for anything the logging thread may hold: it is called in the midst of work.
        """
        with self._lock:
            self._subscribers += (fn,)

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers = tuple(other for other in self._subscribers if other is not fn)

        return unsubscribe

    def _add(self, line: LogLine) -> None:
        with self._lock:
            self._lines.append(line)
            subscribers = self._subscribers
        for fn in subscribers:
            try:
                fn(line)
            except Exception:
                # Not through this log: the same subscriber would fail again, for ever.
                logger.exception("log subscriber %r failed", fn)
        if self._parent is None:
            logger.log(_PYTHON_LEVEL[line.level], "%s: %s", line.source, line.text)
        elif line.level <= self._parent.level:
            self._parent._add(line)
