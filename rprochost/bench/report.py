# SPDX-License-Identifier: Apache-2.0
"""A run as a page of Markdown: the machine, the aims, a table for each suite."""

from collections.abc import Mapping, Sequence
from typing import Any

from rprochost.bench.aims import Outcome, outcomes
from rprochost.bench.case import Result
from rprochost.bench.noise import Spread
from rprochost.bench.results import Results
from rprochost.bench.suite import Found
from rprochost.bench.suites import SUITES

#: What a suite's cases are set beside, where it has something of that kind.
BASES = {"round-trip": "flag", "blocking": "bell", "loops": "epoll-eventfd"}
_ROLES = {"floor": " (floor)", "rival": " (rival)", "ours": ""}
_REACHED = {True: "yes", False: "**no**", None: "not measured"}


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose first column is text and whose others are numbers.

    Thread safety: any thread.
    """
    rule = ["---", *("---:" for _ in header[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)]


def short(value: float) -> str:
    """Return a number with three digits that mean something. Thread safety: any thread."""
    if abs(value) < 0.0005:
        return "0"
    for limit, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= limit:
            return f"{value:.{digits}f}"
    return f"{value:.3f}"


def _us(ns: float) -> str:
    return short(ns / 1000)


# ---- parts -----------------------------------------------------------------------------------------------


def _facts(facts: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    virtual = ", a virtual machine" if facts["virtual"] else ""
    rows = [
        ("CPU", f"{facts['cpu']}, {facts['cpus']} of them{virtual}, clock {facts['clock']}"),
        ("governor, idle driver", f"{facts['governor'] or 'none'}, {facts['idle_driver'] or 'none'}"),
        ("kernel, C library", f"{facts['kernel']}, {facts['libc']}"),
        ("compiler, interpreter", f"{facts['compiler']}, {facts['python']}"),
        ("packages", packages),
        ("load when it began", ", ".join(map(str, facts["load"]))),
        ("one look at the clock", f"{facts['clock_cost_ns']} ns, part of each turn that is timed by itself"),
        ("a call from Python into C", f"{facts['native_call_ns']} ns"),
        (
            "placement",
            f"{options['placement']}, {options['rounds']} rounds of {options['round_s']} s per case",
        ),
    ]
    return ["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)]


def _interval(found: Spread) -> str:
    if found.low == found.high:
        return short(found.value)
    return f"{short(found.value)} ({short(found.low)} to {short(found.high)})"


def aims_table(found: Sequence[Outcome]) -> list[str]:
    """Return the aims with what was found, in brackets the 95 % interval. Thread safety: any thread."""
    rows = [
        (
            one.aim.path,
            f"{one.aim.sense} {one.aim.limit:g} {one.aim.unit}",
            _interval(one.found) if one.found else "-",
            _REACHED[one.reached],
        )
        for one in found
    ]
    return markdown_table(("path", "aim", "found", "reached"), rows)


def _against(result: Result, base: Result | None) -> str:
    return short(result.value_ns / base.value_ns) if base is not None else "-"


def _timed_row(result: Result, base: Result | None) -> list[str]:
    names = ("p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns")
    return [
        result.title + _ROLES[result.role],
        *(_us(result.summary[name]) for name in names),
        _against(result, base),
        *_usage(result),
    ]


def _usage(result: Result) -> list[str]:
    usage = result.usage
    bells = usage["kicks_per_message"] + usage["bells_per_message"]
    return [
        short(usage["host_cpu_s_per_million"]),
        short(usage["peer_cpu_s_per_million"]),
        short(usage["switches_per_message"]),
        short(bells) if result.role == "ours" else "-",
    ]


_USAGE = ("host CPU", "core CPU", "sleeps", "bells")


def _timed(found: Found, base: Result | None) -> list[str]:
    header = ("round trip, µs", "p50", "p90", "p99", "p99.9", "max", "x floor", *_USAGE)
    rows = [_timed_row(result, base) for result in found.results if result.summary]
    return markdown_table(header, rows) if rows else []


def _rates(found: Found) -> list[str]:
    header = ("rate", "M/s", "ns each", "batch", *_USAGE)
    rows = [
        [
            result.title,
            short(result.per_second / 1e6),
            short(result.value_ns),
            str(result.params.get("batch") or result.params.get("outstanding") or "-"),
            *(_usage(result) if result.usage else ["-"] * 4),
        ]
        for result in found.results
        if not result.summary
    ]
    return markdown_table(header, rows) if rows else []


def _figures(found: Found) -> list[str]:
    rows = [(name.replace("_", " "), short(value)) for name, value in found.figures.items()]
    return markdown_table(("figure", "value"), rows) if rows else []


def _curves(found: Found) -> list[str]:
    rows = [
        (
            f"{curve.y} against {curve.x}",
            f"{curve.exponent:.2f}",
            ", ".join(f"{x:g}: {short(y)}" for x, y in curve.points),
        )
        for curve in found.curves
    ]
    return markdown_table(("curve", "exponent", "points"), rows) if rows else []


def _suite(name: str, found: Found) -> list[str]:
    base = next((one for one in found.results if one.id == BASES.get(name)), None)
    tables = [_timed(found, base), _rates(found), _figures(found), _curves(found)]
    lines = ["", f"## {name}", "", SUITES[name].about[0].upper() + SUITES[name].about[1:] + "."]
    for table in tables:
        if table:
            lines += ["", *table]
    if found.left_out:
        lines += ["", "Left out: " + "; ".join(found.left_out) + "."]
    return lines


# ---- the page --------------------------------------------------------------------------------------------

_LEGEND = (
    "Times are those of a whole round trip. CPU is in seconds per million messages, sleeps and bells are per "
    "message; bells are those rung for the core and answered for it. Cases of a suite were measured in turn, "
    "round by round; in brackets stands the 95 % interval of the median over the rounds."
)


def report(results: Results, pictures: Mapping[str, str]) -> str:
    """Return the page; ``pictures`` are file names by what they show. Thread safety: any thread."""
    lines = [
        "<!-- SPDX-License-Identifier: Apache-2.0 -->",
        f"# Benchmarks, {results.time}",
        "",
        *_facts(results.facts, results.options),
        "",
        _LEGEND,
        "",
        "## aims",
        "",
        *aims_table(outcomes(results)),
    ]
    for title, file in pictures.items():
        lines += ["", f"![{title}]({file})"]
    for name, found in results.suites.items():
        lines += _suite(name, found)
    return "\n".join(lines) + "\n"
