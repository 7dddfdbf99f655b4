# SPDX-License-Identifier: Apache-2.0
"""A histogram of times with a bounded relative error and a fixed size, whatever the number of samples.

It is C (rprochost/src/rp_histogram.h), so that the loops in C fill the same one as those in Python.
"""

import json
from array import array
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

from rprochost._native import ffi, lib


@dataclass(frozen=True, slots=True)
class Summary:
    """What a histogram says in a line, all times in ns. Thread safety: immutable."""

    num: int
    min_ns: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    p999_ns: int
    max_ns: int
    mean_ns: float

    def to_json(self) -> str:
        """Return one JSON object."""
        return json.dumps(asdict(self))


class Histogram:
    """Counts integer times (ns). Smallest, largest and mean are exact, percentiles at most 1/256 too high.

    Thread safety: none; the caller serialises.
    """

    def __init__(self, samples: Iterable[int] = ()) -> None:
        """Count some samples to begin with; errors as :meth:`record`."""
        #: The C histogram, for loops in C.
        self.native: Any = ffi.new("struct rp_histogram *")
        for sample in samples:
            self.record(sample)

    @property
    def num(self) -> int:
        """Samples."""
        return int(self.native.num)

    @property
    def total_ns(self) -> int:
        """Sum of all samples."""
        return int(self.native.total_ns)

    @property
    def min_ns(self) -> int:
        """Smallest sample, 0 when there is none."""
        return int(self.native.min_ns)

    @property
    def max_ns(self) -> int:
        """Largest sample, 0 when there is none."""
        return int(self.native.max_ns)

    def record(self, value_ns: int) -> None:
        """Count one time; raises ValueError when it is negative, or longer than 584 years."""
        if not 0 <= value_ns < 1 << 64:
            raise ValueError(f"a time is neither negative nor longer than 64 bits: {value_ns}")
        lib.rp_histogram_record(self.native, value_ns)

    def record_turns(self, stamps_ns: "array[int]") -> None:
        """Count the times between neighbours of some readings of a clock (typecode "Q", ascending)."""
        lib.rp_histogram_record_turns(
            self.native, ffi.from_buffer("uint64_t[]", memoryview(stamps_ns).cast("B")), len(stamps_ns)
        )

    def merge(self, other: Self) -> None:
        """Count the samples of another histogram, too."""
        lib.rp_histogram_merge(self.native, other.native)

    def percentile(self, percent: float) -> int:
        """Return the time that ``percent`` of the samples do not exceed (nearest rank).

        Raises ValueError when there are no samples, or for a percentage outside 0 to 100.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"no percentage: {percent}")
        if self.num == 0:
            raise ValueError("no samples")
        return int(lib.rp_histogram_percentile(self.native, percent))

    def summary(self) -> Summary:
        """Return the usual percentiles; raises ValueError when there are no samples."""
        p50, p90, p99, p999 = (self.percentile(percent) for percent in (50, 90, 99, 99.9))
        mean = self.total_ns / self.num
        return Summary(self.num, self.min_ns, p50, p90, p99, p999, self.max_ns, mean)

    def buckets(self) -> list[tuple[int, int]]:
        """Return (largest time in ns, samples) of each bucket that has any, ascending."""
        counts = ffi.unpack(self.native.counts, lib.RP_HISTOGRAM_BUCKETS)
        return [(int(lib.rp_histogram_highest(i)), int(count)) for i, count in enumerate(counts) if count]

    def rows(self, num: int = 12) -> list[tuple[int, int]]:
        """Return at most ``num`` (upper bound in ns, samples) pairs, bounds doubling, for a bar chart."""
        counts: dict[int, int] = {}
        for highest, count in self.buckets():
            bound = 1 << highest.bit_length()
            counts[bound] = counts.get(bound, 0) + count
        return sorted(counts.items())[-num:]
