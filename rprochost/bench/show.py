# SPDX-License-Identifier: Apache-2.0
"""A run and a comparison on a terminal, and as records for programs."""

from collections.abc import Iterator
from typing import Any

from rprochost.bench.aims import outcomes
from rprochost.bench.compare import Change, Comparison
from rprochost.bench.report import BASES, short
from rprochost.bench.results import Results
from rprochost.bench.suite import Found
from rprochost.text import table

_MARKS = {"floor": "floor", "rival": "rival", "ours": ""}


# ---- a run -----------------------------------------------------------------------------------------------


def records(results: Results) -> Iterator[dict[str, Any]]:
    """Yield the machine, each case, figure, curve and aim, as one object each. Thread safety: any thread."""
    yield {"facts": results.facts, "options": results.options, "time": results.time}
    for suite, found in results.suites.items():
        yield from ({"suite": suite, **result.to_json()} for result in found.results)
        if found.figures:
            yield {"suite": suite, "figures": found.figures}
        yield from ({"suite": suite, "curve": curve.to_json()} for curve in found.curves)
        yield from ({"suite": suite, "left_out": text} for text in found.left_out)
    for one in outcomes(results):
        value = one.found and one.found.value
        yield {"aim": one.aim.path, "unit": one.aim.unit, "limit": one.aim.limit, "value": value}


def lines(results: Results) -> Iterator[str]:
    """Yield what a run found, as tables. Thread safety: any thread."""
    for suite, found in results.suites.items():
        yield f"{suite}"
        for part in (_trips(suite, found), _rates(found), _rest(found)):
            yield from part
        yield ""
    yield from _aims(results)


def _trips(suite: str, found: Found) -> Iterator[str]:
    base = next((one for one in found.results if one.id == BASES.get(suite)), None)
    rows = [
        (
            result.title,
            _MARKS[result.role],
            *(short(result.summary[f"{name}_ns"] / 1000) for name in ("p50", "p99", "p999", "max")),
            short(result.value_ns / base.value_ns) if base else "-",
        )
        for result in found.results
        if result.summary
    ]
    if rows:
        yield from table(("round trip, µs", "", "p50", "p99", "p99.9", "max", "x floor"), rows)


def _rates(found: Found) -> Iterator[str]:
    rows = [
        (result.title, short(result.per_second / 1e6), short(result.value_ns))
        for result in found.results
        if not result.summary
    ]
    if rows:
        yield from table(("rate", "M/s", "ns each"), rows)


def _rest(found: Found) -> Iterator[str]:
    rows = [(name.replace("_", " "), short(value)) for name, value in found.figures.items()]
    if rows:
        yield from table(("figure", "value"), rows)
    curves = [(f"{curve.y} against {curve.x}", f"{curve.exponent:.2f}") for curve in found.curves]
    if curves:
        yield from table(("curve", "exponent"), curves)
    yield from (f"  left out: {text}" for text in found.left_out)


def _aims(results: Results) -> Iterator[str]:
    words = {True: "reached", False: "missed"}
    rows = [
        (
            one.aim.path,
            f"{one.aim.sense} {one.aim.limit:g}",
            short(one.found.value),
            one.aim.unit,
            words[reached],
        )
        for one in outcomes(results)
        if one.found is not None and (reached := one.reached) is not None
    ]
    if rows:
        yield from table(("aim", "", "found", "", ""), rows)


# ---- a comparison ----------------------------------------------------------------------------------------


def comparison_records(comparison: Comparison, threshold: float) -> Iterator[dict[str, Any]]:
    """Yield what a comparison found, as one object for each case and one for all.

    Thread safety: any thread.
    """
    for change in comparison.changes:
        yield {
            "case": change.name,
            "old_ns": change.old_ns,
            "new_ns": change.new_ns,
            "ratio": change.ratio.value,
            "interval": [change.ratio.low, change.ratio.high],
            "verdict": change.verdict,
        }
    yield {
        "drift": comparison.drift,
        "noise": comparison.noise,
        "regressions": [change.name for change in comparison.regressions(threshold)],
    }


def _row(change: Change) -> tuple[str, ...]:
    interval = f"{change.ratio.low:.2f} to {change.ratio.high:.2f}"
    times = (short(change.old_ns / 1000), short(change.new_ns / 1000))
    return (change.name, *times, f"{change.ratio.value:.2f}", interval, change.verdict)


def comparison_lines(comparison: Comparison, threshold: float) -> Iterator[str]:
    """Yield what changed beyond noise, as a table. Thread safety: any thread."""
    yield (
        f"the machine: x {comparison.drift:.2f} by {comparison.references} floors and rivals, "
        f"which differ by {comparison.noise:.0%} from run to run"
    )
    changed = [change for change in comparison.changes if change.verdict != "same"]
    if changed:
        header = ("changed beyond that", "old µs", "new µs", "x", "95 %", "")
        yield from table(header, [_row(change) for change in changed])
    else:
        yield f"nothing changed beyond that, in {len(comparison.changes)} cases"
    for text, names in (("gone", comparison.only_old), ("new", comparison.only_new)):
        if names:
            yield f"{text}: {', '.join(names)}"
    found = comparison.regressions(threshold)
    yield f"{len(found)} regressions beyond {threshold:.0%}: {', '.join(one.name for one in found) or 'none'}"
