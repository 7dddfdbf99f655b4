# SPDX-License-Identifier: Apache-2.0
"""A histogram of times with a bounded relative error and a bounded size, whatever the number of samples."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

#: Buckets per power of two: a percentile is at most 1/64 above the sample it stands for.
_STEPS_LOG2 = 6
_STEPS = 1 << _STEPS_LOG2


def _bucket(value: int) -> int:
    """Number the bucket of a value by the value's length and its first bits; small values have one each."""
    shift = max(value.bit_length() - 1 - _STEPS_LOG2, 0)
    return (shift << _STEPS_LOG2) + (value >> shift)


def _highest(bucket: int) -> int:
    """Return the largest value of a bucket; the inverse of :func:`_bucket`."""
    shift = max((bucket >> _STEPS_LOG2) - 1, 0)
    return ((bucket - (shift << _STEPS_LOG2) + 1) << shift) - 1


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
    """Counts integer times (ns). Smallest, largest and mean are exact; percentiles are at most 1/64 too high.

    Thread safety: none; the caller serialises.
    """

    def __init__(self, samples: Iterable[int] = ()) -> None:
        self._counts: dict[int, int] = {}
        self.num = 0
        self.total_ns = 0
        self.min_ns = 0
        self.max_ns = 0
        for sample in samples:
            self.record(sample)

    def record(self, value_ns: int) -> None:
        """Count one time; raises ValueError when it is negative."""
        if value_ns < 0:
            raise ValueError(f"a time cannot be negative: {value_ns}")
        bucket = _bucket(value_ns)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.min_ns = value_ns if self.num == 0 else min(self.min_ns, value_ns)
        self.max_ns = max(self.max_ns, value_ns)
        self.num += 1
        self.total_ns += value_ns

    def percentile(self, percent: float) -> int:
        """Return the time that ``percent`` of the samples do not exceed (nearest rank).

        Raises ValueError when there are no samples, or for a percentage outside 0 to 100.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"no percentage: {percent}")
        if self.num == 0:
            raise ValueError("no samples")
        rank = max(-(-self.num * percent // 100), 1)
        for bucket in sorted(self._counts):
            rank -= self._counts[bucket]
            if rank <= 0:
                return min(max(_highest(bucket), self.min_ns), self.max_ns)
        return self.max_ns

    def summary(self) -> Summary:
        """Return the usual percentiles; raises ValueError when there are no samples."""
        p50, p90, p99, p999 = (self.percentile(percent) for percent in (50, 90, 99, 99.9))
        mean = self.total_ns / self.num
        return Summary(self.num, self.min_ns, p50, p90, p99, p999, self.max_ns, mean)

    def rows(self, num: int = 12) -> list[tuple[int, int]]:
        """Return at most ``num`` (upper bound in ns, samples) pairs, bounds doubling, for a bar chart."""
        counts: dict[int, int] = {}
        for bucket, count in self._counts.items():
            bound = 1 << _highest(bucket).bit_length()
            counts[bound] = counts.get(bound, 0) + count
        return sorted(counts.items())[-num:]
