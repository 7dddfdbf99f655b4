# SPDX-License-Identifier: Apache-2.0
"""What is measured, and what was found: a case, and its result."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from rpmsg import VirtioRpmsgBus
    from rprochost.bench.histogram import Histogram

#: Ours; a floor, below which nothing can be; what somebody could use instead.
Role = Literal["ours", "floor", "rival"]

#: The points of a curve of percentiles.
CURVE = (1.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0)


class Case(ABC):
    """Something that is measured, set up and ready to run. Thread safety: none; the caller serialises."""

    #: Two words at most, unique in its suite: what results are found by.
    id: str
    #: What people read.
    title: str
    role: Role = "ours"
    #: The processes on the other side.
    pids: Sequence[int] = ()
    #: Whose doorbells are counted.
    bus: "VirtioRpmsgBus | None" = None
    #: Fixed facts of the case, such as size and batch.
    params: Mapping[str, Any] = {}

    @abstractmethod
    def run(self, num: int, histogram: "Histogram") -> int:
        """Do ``num`` turns or messages and return the time in ns; what can time each turn counts it."""


@dataclass(slots=True)
class Result:
    """What a case gave: one value for each round, times in ns, always of one turn or message.

    Thread safety: none; the caller serialises.
    """

    id: str
    title: str
    role: Role
    params: dict[str, Any]
    #: Turns or messages of all rounds.
    num: int = 0
    #: Median of each round; of a case without times for each turn, the mean.
    values_ns: list[float] = field(default_factory=list)
    #: min_ns, p50_ns … of all rounds together; empty where turns were not timed one by one.
    summary: dict[str, float] = field(default_factory=dict)
    #: (percentage, ns) of all rounds together.
    curve: list[tuple[float, int]] = field(default_factory=list)
    #: Counts per message, by name.
    usage: dict[str, float] = field(default_factory=dict)

    @property
    def value_ns(self) -> float:
        """The median of the rounds."""
        return median(self.values_ns)

    @property
    def per_second(self) -> float:
        """Turns or messages per second at that value."""
        return 1e9 / self.value_ns

    def to_json(self) -> dict[str, Any]:
        """Return an object for json.dump, numbers shortened to what they mean."""
        values = asdict(self)
        values["values_ns"] = [round(value, 2) for value in self.values_ns]
        values["usage"] = {name: round(value, 5) for name, value in self.usage.items()}
        values["summary"] = {name: round(value, 2) for name, value in self.summary.items()}
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_json` made; raises TypeError for something else."""
        curve = [(float(percent), int(ns)) for percent, ns in values["curve"]]
        return cls(**{**values, "curve": curve})
