# SPDX-License-Identifier: Apache-2.0
"""A suite: cases that are measured together, so that they can be compared."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from rprochost.bench.case import Case, Result
from rprochost.bench.options import Options
from rprochost.bench.pairs import Pair, open_pairs
from rprochost.bench.placement import Places, on_cpus
from rprochost.bench.runner import Progress, measure


@dataclass(slots=True)
class Curve:
    """A cost against a number of something, with the exponent of the power law that fits it best.

    Thread safety: none; the caller serialises.
    """

    id: str
    #: What grows, and what it costs, with the unit.
    x: str
    y: str
    points: list[tuple[float, float]]

    @property
    def exponent(self) -> float:
        """The slope of a straight line through the logarithms, by least squares: 0 constant, 1 linear.

        Raises ValueError for less than two points, or one that is not above 0.
        """
        import numpy as np

        if len(self.points) < 2 or any(x <= 0 or y <= 0 for x, y in self.points):
            raise ValueError(f"{self.id}: a power law needs two points above 0")
        x, y = np.log(np.array(self.points)).T
        return float(np.polyfit(x, y, 1)[0])

    def to_json(self) -> dict[str, Any]:
        """Return an object for json.dump."""
        points = [[x, round(y, 3)] for x, y in self.points]
        return {
            "id": self.id,
            "x": self.x,
            "y": self.y,
            "points": points,
            "exponent": round(self.exponent, 3),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_json` made."""
        points = [(float(x), float(y)) for x, y in values["points"]]
        return cls(values["id"], values["x"], values["y"], points)


@dataclass(slots=True)
class Found:
    """What a suite found. Thread safety: none; the caller serialises."""

    results: list[Result] = field(default_factory=list)
    #: Single numbers by name, with the unit in the name.
    figures: dict[str, float] = field(default_factory=dict)
    curves: list[Curve] = field(default_factory=list)
    #: What was not measured, and why.
    left_out: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return an object for json.dump."""
        return {
            "cases": [result.to_json() for result in self.results],
            "figures": {name: round(value, 4) for name, value in self.figures.items()},
            "curves": [curve.to_json() for curve in self.curves],
            "left_out": self.left_out,
            "elapsed_s": round(self.elapsed_s, 1),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_json` made; KeyError, TypeError for something else."""
        return cls(
            [Result.from_json(case) for case in values["cases"]],
            dict(values["figures"]),
            [Curve.from_json(curve) for curve in values["curves"]],
            list(values["left_out"]),
            float(values["elapsed_s"]),
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """What a suite runs with. Thread safety: none; the caller serialises."""

    options: Options
    places: Places
    progress: Progress

    def measure(self, cases: Sequence[Case]) -> list[Result]:
        """Measure cases interleaved, this thread on its CPUs; raises what they raise."""
        # Only now: a bus that is made by a thread with a single CPU may take it that there is no other.
        with on_cpus(*self.places.host):
            return measure(cases, self.options, self.progress)

    def open_pairs(self, stack: ExitStack, pairs: Sequence[Pair]) -> list[Case]:
        """Start the other side of each pair; the stack stops it. OSError, PairError."""
        open_pairs(stack, pairs, self.places.peer)
        return list(pairs)


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite by name. Thread safety: immutable."""

    name: str
    about: str
    run: Callable[[Bench], Found]
