# SPDX-License-Identifier: Apache-2.0
"""A run as pictures: SVG by matplotlib, small, and the same bytes for the same results."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rprochost.bench.breakdown import breakdown
from rprochost.bench.case import Result
from rprochost.bench.results import Results
from rprochost.bench.suite import Curve

#: Colours that people with any kind of colour vision can tell apart (Okabe and Ito).
_COLOURS = {"ours": "#0072b2", "floor": "#999999", "rival": "#e69f00"}
_LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
#: Shown in the picture of percentiles.
_TAILS = (
    "round-trip/flag",
    "round-trip/c-process-16",
    "round-trip/python-process-16",
    "blocking/python-bell",
    "blocking/python-process",
    "blocking/pipe",
    "blocking/zmq",
)
_MICRO = 1000.0


class PlotsMissingError(RuntimeError):
    """matplotlib is not installed. Thread safety: immutable."""

    hint = "pip install matplotlib"


def _pyplot() -> Any:
    """Return matplotlib's drawing functions, set up for a file; PlotsMissingError."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise PlotsMissingError(f"no pictures: {error}") from None
    mpl.use("svg")
    # Text stays text, and what would be random or a date is neither.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "rproc", "font.size": 9})
    from matplotlib import pyplot

    return pyplot


def _save(pyplot: Any, figure: Any, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


def _bars(pyplot: Any, results: list[Result], value: Callable[[Result], float], label: str) -> Any:
    """Draw a bar for each result, the best on top."""
    figure, axes = pyplot.subplots(figsize=(8, 0.6 + 0.24 * len(results)))
    for place, one in enumerate(reversed(results)):
        axes.barh(place, value(one), color=_COLOURS[one.role])
        axes.annotate(f" {value(one):.3g}", (value(one), place), va="center", fontsize=8)
    axes.set_yticks(range(len(results)), [one.title for one in reversed(results)])
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xlabel(label)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _round_trips(results: Results, pyplot: Any, file: Path) -> bool:
    """Medians of all round trips, floors and rivals among them."""
    wanted = [
        one
        for suite in ("round-trip", "blocking")
        if suite in results.suites
        for one in results.suites[suite].results
    ]
    if wanted:
        ordered = sorted(wanted, key=lambda one: one.value_ns)
        label = "median round trip, µs (blue: this project, grey: floors, orange: others)"
        _save(pyplot, _bars(pyplot, ordered, lambda one: one.value_ns / _MICRO, label), file)
    return bool(wanted)


def _rates(results: Results, pyplot: Any, file: Path) -> bool:
    """Messages per second in one direction."""
    found = results.suites.get("one-way")
    if found is None or not found.results:
        return False
    ordered = sorted(found.results, key=lambda one: one.value_ns)
    figure = _bars(pyplot, ordered, lambda one: one.per_second / 1e6, "million messages per second")
    _save(pyplot, figure, file)
    return True


def _tails(results: Results, pyplot: Any, file: Path) -> bool:
    """What part of the round trips takes longer than a time."""
    found = [one for one in map(results.find, _TAILS) if one is not None and one.curve]
    if not found:
        return False
    figure, axes = pyplot.subplots(figsize=(8, 4))
    for colour, one in zip(_LINES, found, strict=False):
        points = [(ns / _MICRO, 1 - percent / 100) for percent, ns in one.curve if percent < 100]
        axes.plot(*zip(*points, strict=True), color=colour, marker=".", label=one.title)
    axes.set(xscale="log", yscale="log", xlabel="round trip, µs", ylabel="part that takes longer")
    axes.minorticks_off()
    axes.legend(fontsize=7, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    _save(pyplot, figure, file)
    return True


def _unit(curve: Curve) -> str:
    """Return the unit in which a curve's costs are: the last word of what it costs."""
    return next(unit for unit in ("µs", "ms", "KiB") if unit in curve.y)


def _panel(axes: Any, curves: list[Curve]) -> None:
    for colour, curve in zip(_LINES, curves, strict=False):
        label = f"{curve.y}: exponent {curve.exponent:.2f}"
        axes.plot(*zip(*curve.points, strict=True), "o-", color=colour, markersize=4, label=label)
    axes.set(xscale="log", yscale="log", xlabel=curves[0].x, ylabel=_unit(curves[0]))
    # A cost that does not grow shall look like one.
    low, high = axes.get_ylim()
    axes.set_ylim(low / 2, high * 4)
    axes.minorticks_off()
    axes.legend(fontsize=7, frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)


def _growth(results: Results, pyplot: Any, file: Path) -> bool:
    """Every curve of the suite growth; those of the same units share axes."""
    found = results.suites.get("growth")
    if found is None or not found.curves:
        return False
    panels: dict[tuple[str, str], list[Curve]] = {}
    for curve in found.curves:
        panels.setdefault((curve.x, _unit(curve)), []).append(curve)
    rows = (len(panels) + 1) // 2
    figure, grid = pyplot.subplots(rows, 2, figsize=(9, 2.4 * rows), squeeze=False)
    for axes, curves in zip(grid.flat, panels.values(), strict=False):
        _panel(axes, curves)
    for axes in list(grid.flat)[len(panels) :]:
        axes.remove()
    _save(pyplot, figure, file)
    return True


def _one_round_trip(results: Results, pyplot: Any, file: Path) -> bool:
    """Where the time of one round trip goes, from the floor up."""
    parts = breakdown(results)
    if not parts:
        return False
    figure, axes = pyplot.subplots(figsize=(9, 2.2))
    left = 0.0
    for colour, part in zip(_LINES * 2, parts, strict=False):
        # What rounds to nothing, or was lost in noise, has no width.
        width = max(part.ns, 0.0)
        axes.barh(0, width, left=left, color=colour, label=f"{part.name}: {part.ns:.0f} ns")
        left += width
    axes.set_yticks([])
    axes.set_xlabel("ns, round trip of 16 bytes, Python host, C core, both poll")
    axes.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.35), ncols=2)
    axes.spines[["top", "right", "left"]].set_visible(False)
    _save(pyplot, figure, file)
    return True


#: File name -> what it shows, and what draws it.
_PICTURES: dict[str, tuple[str, Callable[[Results, Any, Path], bool]]] = {
    "one-round-trip.svg": ("Where the time of a round trip goes", _one_round_trip),
    "round-trips.svg": ("Median round trips", _round_trips),
    "tails.svg": ("What part of the round trips takes longer", _tails),
    "rates.svg": ("Messages per second, one way", _rates),
    "growth.svg": ("How the cost grows", _growth),
}


def draw(results: Results, folder: Path) -> dict[str, str]:
    """Draw what the run has into a folder and return the file names by what they show.

    Raises PlotsMissingError without matplotlib, OSError. Thread safety: none; the caller serialises.
    """
    pyplot = _pyplot()
    return {
        title: name
        for name, (title, function) in _PICTURES.items()
        if function(results, pyplot, folder / name)
    }
