# SPDX-License-Identifier: Apache-2.0
"""Two runs against each other: what changed beyond noise, and whether that is a regression.

Floors and rivals are not this project's code. What changed for them changed in the machine: the median of
their ratios is the machine's drift, by which everything is corrected, and their scatter round it is how much
two runs differ by nothing at all.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

from rprochost.bench.case import Result
from rprochost.bench.noise import Spread, ratio_of_runs
from rprochost.bench.results import Results

Verdict = Literal["same", "faster", "slower"]

#: A run has less scatter than this only by luck.
_LEAST_NOISE = 0.02
#: Of the references, this part lies within the noise.
_QUANTILE = 0.9


@dataclass(frozen=True, slots=True)
class Change:
    """One case in both runs. Thread safety: immutable."""

    name: str
    title: str
    old_ns: float
    new_ns: float
    #: New time over old time, corrected by the drift, with its interval.
    ratio: Spread
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that both runs have. Thread safety: immutable."""

    #: How much slower the machine was in the new run, by floors and rivals; 1.0 without any.
    drift: float
    #: Relative difference that two runs have by chance.
    noise: float
    references: int
    changes: tuple[Change, ...]
    #: Cases of one run only.
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]

    def regressions(self, threshold: float) -> list[Change]:
        """Return what became slower beyond noise, and by more than a part of itself."""
        return [
            change
            for change in self.changes
            if change.verdict == "slower" and change.ratio.value > 1 + threshold
        ]


def compare(old: Results, new: Results, *, absolute: bool = False) -> Comparison:
    """Compare two runs; ``absolute`` leaves the drift of the machine in. Thread safety: any thread."""
    before, after = dict(old.cases()), dict(new.cases())
    common = [name for name in after if name in before]
    ratios = {name: ratio_of_runs(after[name].values_ns, before[name].values_ns) for name in common}
    references = [ratios[name].value for name in common if after[name].role != "ours"]
    drift = 1.0 if absolute else _drift(references)
    noise = _noise(references, _drift(references))
    changes = tuple(
        _change(name, before[name], after[name], ratios[name], drift, noise)
        for name in common
        if after[name].role == "ours"
    )
    return Comparison(drift, noise, len(references), changes, _only(before, after), _only(after, before))


def _only(these: Mapping[str, Result], others: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(these) - set(others)))


def _drift(references: list[float]) -> float:
    return median(references) if references else 1.0


def _noise(references: list[float], drift: float) -> float:
    """Return how far the references lie from their median, most of them."""
    distances = sorted(abs(math.log(ratio / drift)) for ratio in references)
    if not distances:
        return _LEAST_NOISE
    index = min(int(len(distances) * _QUANTILE), len(distances) - 1)
    return max(math.expm1(distances[index]), _LEAST_NOISE)


def _change(name: str, old: Result, new: Result, ratio: Spread, drift: float, noise: float) -> Change:
    corrected = Spread(ratio.value / drift, ratio.low / drift, ratio.high / drift)
    verdict: Verdict = "same"
    # Both must hold: more than the rounds of these runs differ, and more than two runs differ by chance.
    if corrected.low > 1 and corrected.value > 1 + noise:
        verdict = "slower"
    elif corrected.high < 1 and corrected.value < 1 / (1 + noise):
        verdict = "faster"
    return Change(name, new.title, old.value_ns, new.value_ns, corrected, verdict)
