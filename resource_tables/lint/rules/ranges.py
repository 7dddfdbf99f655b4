# SPDX-License-Identifier: Apache-2.0
"""Which address ranges overlap, in n log n: a table may have as many entries as it likes.

Two questions have an answer without a look at every pair. With the ranges sorted by their start, remember for
each position the range up to there that reaches furthest. Of all ranges that begin before some end, that one
overlaps [start, end) or none does; of all that begin at or before some start, that one holds it or none does.

Each range is reported with *one* other that it meets, so that n ranges give at most n findings however much
they overlap.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Device addresses [start, start + size) that something claims.

    ``kind`` is "carveout", "devmem", "trace", "vring", "buffers", "segment", "table" or "region"; ``what``
    names it in a message. ``offset`` is where it is said: in the table, or in the file where ``in_file`` is
    set. Thread safety: immutable.
    """

    start: int
    size: int
    kind: str
    what: str
    offset: int
    entry: int | None = None
    in_file: bool = False
    name: str = ""

    @property
    def end(self) -> int:
        """The address behind the last byte."""
        return self.start + self.size

    @property
    def text(self) -> str:
        """The range for a message: what it is and where it lies."""
        return f"{self.what} [{self.start:#x}, +{self.size:#x})"


class RangeIndex:
    """Ranges that can be asked what lies where; empty ones lie nowhere.

    Thread safety: immutable.
    """

    def __init__(self, ranges: Iterable[Range]) -> None:
        ordered = sorted((r for r in ranges if r.size > 0), key=lambda r: r.start)
        self._starts = [r.start for r in ordered]
        #: For each position the range up to there that reaches furthest.
        self._furthest = list(accumulate(ordered, _further))

    def overlapping(self, start: int, end: int) -> Range | None:
        """Return a range that shares a byte with [start, end)."""
        before = bisect_left(self._starts, end)
        if start >= end or before == 0:
            return None
        candidate = self._furthest[before - 1]
        return candidate if candidate.end > start else None

    def containing(self, start: int, end: int) -> Range | None:
        """Return a range that holds all of [start, end)."""
        before = bisect_right(self._starts, start)
        if before == 0:
            return None
        candidate = self._furthest[before - 1]
        return candidate if candidate.end >= end else None


def _further(best: Range, other: Range) -> Range:
    return other if other.end > best.end else best


def clashes(ranges: Iterable[Range], others: Iterable[Range] | None = None) -> Iterator[tuple[Range, Range]]:
    """Yield each range that overlaps another, together with one that it overlaps.

    With one argument the ranges are compared with each other, in the order of their addresses; the second of
    a pair begins at or before the first. With ``others`` the first of a pair is from ``ranges``, in their
    order, the second from ``others``. Thread safety: any thread.
    """
    if others is not None:
        index = RangeIndex(others)
        for current in ranges:
            other = index.overlapping(current.start, current.end)
            if other is not None:
                yield current, other
        return
    furthest: Range | None = None
    for current in sorted((r for r in ranges if r.size > 0), key=lambda r: r.start):
        if furthest is None:
            furthest = current
            continue
        if current.start < furthest.end:
            yield current, furthest
        furthest = _further(furthest, current)
