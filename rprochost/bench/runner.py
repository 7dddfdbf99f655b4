# SPDX-License-Identifier: Apache-2.0
"""Run cases interleaved: every round runs each of them once, in another order.

The machine is never the same for long (other programs, clock frequency, the host of a virtual machine). What
is compared is therefore measured in turn, so that a slow moment falls on all, and each round gives a value of
its own, so that the spread between rounds says what a difference is worth.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from rprochost.bench import meter
from rprochost.bench.case import CURVE, Case, Result
from rprochost.bench.histogram import Histogram
from rprochost.bench.options import Options

#: Told what is measured now; the command shows it.
Progress = Callable[[str], None]

#: Seconds between two cases, and turns that a case is given to warm up in each round.
_PAUSE_S = 0.002
_WARM_UP = 20
#: Turns by which the length of a round is estimated, the best of a few times; they also warm up what is made
#: at first use.
_TRIAL, _TRIALS = 25, 4
#: A round is never longer than so many turns or messages.
_MOST = 2_000_000


class _Running:
    """A case with what was found so far."""

    def __init__(self, case: Case, round_s: float) -> None:
        self.case = case
        self._round_ns = round_s * 1e9
        self.histogram = Histogram()
        self.usage = meter.Usage()
        self.result = Result(case.id, case.title, case.role, dict(case.params))
        elapsed_ns = max(min(case.run(_TRIAL, Histogram()) for _ in range(_TRIALS)), 1)
        self.num = min(max(int(self._round_ns / (elapsed_ns / _TRIAL)), _TRIAL), _MOST)

    def round(self) -> None:
        """Run it once and keep what it gave."""
        # The other side of the case before polls on for a moment, and would share a CPU with this one's.
        time.sleep(_PAUSE_S)
        self.case.run(_WARM_UP, Histogram())
        histogram = Histogram()
        before = meter.read(self.case.pids, self.case.bus)
        elapsed_ns = self.case.run(self.num, histogram)
        self.usage += meter.read(self.case.pids, self.case.bus) - before
        self.result.num += self.num
        value = histogram.percentile(50) if histogram.num else elapsed_ns / self.num
        self.result.values_ns.append(value)
        self.histogram.merge(histogram)
        # On a busy machine a round takes longer than the trial promised: the run as a whole should not.
        if elapsed_ns > 2 * self._round_ns:
            self.num = max(self.num // 2, _TRIAL)

    def finish(self) -> Result:
        """Return the result of all rounds."""
        self.result.usage = self.usage.per_message(self.result.num)
        if self.histogram.num:
            self.result.summary = asdict(self.histogram.summary())
            self.result.curve = [(percent, self.histogram.percentile(percent)) for percent in CURVE]
        return self.result


def rotated(cases: Sequence[_Running], by: int) -> list[_Running]:
    """Return the cases, beginning with another one each time. Thread safety: any thread."""
    start = by % len(cases) if cases else 0
    return [*cases[start:], *cases[:start]]


def measure(cases: Sequence[Case], options: Options, progress: Progress) -> list[Result]:
    """Run each case ``options.rounds`` times and return the results, in the order of the cases.

    Raises what the cases raise. Thread safety: none; the caller serialises.
    """
    running = []
    for case in cases:
        progress(case.title)
        running.append(_Running(case, options.round_s))
    for number in range(options.rounds):
        for one in rotated(running, number):
            progress(one.case.title)
            one.round()
    return [one.finish() for one in running]
