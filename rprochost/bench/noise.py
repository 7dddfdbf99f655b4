# SPDX-License-Identifier: Apache-2.0
"""How much a ratio is worth: its spread over the rounds, by the bootstrap.

Source: B. Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 7 (1979).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2000
#: The same values give the same interval, today and tomorrow.
_SEED = 20
#: Outside lies 1 in 40 on either side.
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Spread:
    """A value, and the interval in which it would be 95 times in 100. Thread safety: immutable."""

    value: float
    low: float
    high: float


def _interval(value: float, resampled: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Spread:
    low, high = np.percentile(resampled, _INTERVAL)
    return Spread(value, float(low), float(high))


def spread(values: Sequence[float]) -> Spread:
    """Return the median of the rounds' values; ValueError when there is none. Thread safety: any thread."""
    given = np.asarray(values, dtype=float)
    if given.size == 0:
        raise ValueError("no rounds")
    chosen = np.random.default_rng(_SEED).integers(0, given.size, (_RESAMPLES, given.size))
    return _interval(float(np.median(given)), np.median(given[chosen], axis=1))


def ratio_in_one_run(values: Sequence[float], base: Sequence[float]) -> Spread:
    """Return the median of the rounds' ratios: what slowed one of the two in a round slowed both.

    ValueError when the numbers of rounds differ. Thread safety: any thread.
    """
    if len(values) != len(base):
        raise ValueError(f"{len(values)} and {len(base)} rounds are not of one run")
    return spread([one / other for one, other in zip(values, base, strict=True)])


def ratio_of_runs(values: Sequence[float], base: Sequence[float]) -> Spread:
    """Return the ratio of two medians whose rounds have nothing to do with each other.

    ValueError when one has no rounds. Thread safety: any thread.
    """
    given, other = np.asarray(values, dtype=float), np.asarray(base, dtype=float)
    if given.size == 0 or other.size == 0:
        raise ValueError("no rounds")
    random = np.random.default_rng(_SEED)
    medians = (
        np.median(some[random.integers(0, some.size, (_RESAMPLES, some.size))], axis=1)
        for some in (given, other)
    )
    above, below = medians
    return _interval(float(np.median(given) / np.median(other)), above / below)
