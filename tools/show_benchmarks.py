# SPDX-License-Identifier: Apache-2.0
"""Put the figures of benchmarks/results/ where pages quote them: README.md and docs/performance.md.

``python tools/show_benchmarks.py`` after ``make bench``; with ``--check`` it only says whether they agree.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from rprochost.bench.aims import outcomes
from rprochost.bench.breakdown import breakdown
from rprochost.bench.report import aims_table, markdown_table, short
from rprochost.bench.results import Results

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "results.json"
FOLDER = RESULTS.parent.relative_to(ROOT)

#: Rows of the README: what, the case, and what it is set beside.
TRIPS = (
    ("C host, C core, both poll", "round-trip/c-process-16", "round-trip/flag"),
    ("Python host, C core, spinning", "round-trip/python-process-16", "round-trip/flag"),
    ("Python host, C core, asleep", "blocking/python-process", "blocking/python-bell"),
    ("two Python processes: os.pipe", "blocking/pipe", "blocking/python-bell"),
    ("two Python processes: SOCK_SEQPACKET", "blocking/seqpacket", "blocking/python-bell"),
    ("two Python processes: multiprocessing.Pipe", "blocking/mp-pipe", "blocking/python-bell"),
    ("two Python processes: pyzmq, ipc", "blocking/zmq", "blocking/python-bell"),
    ("two Python processes: iceoryx2, polling", "round-trip/iceoryx2-poll", "round-trip/flag"),
)
FLOORS = {"round-trip/flag": "a shared flag", "blocking/python-bell": "an eventfd in Python"}
RATES = (
    ("C, to the host, 64 per call", "one-way/c-recv-16"),
    ("Python, recv_into an array, 64 per call", "one-way/array-recv-16"),
    ("Python, send_many, 64 per call", "one-way/array-send-16"),
    ("Python, recv one by one", "one-way/one-recv-16"),
    ("Python, send one by one", "one-way/one-send-16"),
)


def _trip(results: Results, row: tuple[str, str, str]) -> tuple[str, ...] | None:
    what, case, floor = row
    found, base = results.find(case), results.find(floor)
    if found is None or base is None:
        return None
    times = (short(found.value_ns / 1000), short(found.summary["p99_ns"] / 1000))
    return (what, *times, f"{short(found.value_ns / base.value_ns)} x {FLOORS[floor]}")


def _rows(rows: Sequence[tuple[str, ...] | None]) -> list[tuple[str, ...]]:
    return [row for row in rows if row is not None]


def readme_block(results: Results) -> list[str]:
    """Return the lines of the README's section: the machine, round trips, rates.

    Thread safety: any thread.
    """
    facts = results.facts
    names = (
        facts["cpu"],
        f"{facts['cpus']} CPUs",
        f"Linux {facts['kernel']}",
        facts["python"],
        facts["compiler"],
    )
    trips = _rows([_trip(results, row) for row in TRIPS])
    rates = [
        (what, short(found.per_second / 1e6))
        for what, case in RATES
        if (found := results.find(case)) is not None
    ]
    return [
        f"{', '.join(names)}:",
        "",
        *markdown_table(("round trip, 16 bytes", "µs", "p99", "beside its floor"), trips),
        "",
        *markdown_table(("one way, 16 bytes", "million messages/s"), rates),
    ]


def breakdown_block(results: Results) -> list[str]:
    """Return the lines that say where a round trip's time goes. Thread safety: any thread."""
    parts = breakdown(results)
    total = sum(part.ns for part in parts)
    rows = [(part.name, f"{part.ns:.0f}", f"{part.ns / total:.0%}") for part in parts]
    return markdown_table(
        ("part of one round trip", "ns", "share"), [*rows, ("all of it", f"{total:.0f}", "100%")]
    )


def aims_block(results: Results) -> list[str]:
    """Return the aims and what was reached. Thread safety: any thread."""
    return aims_table(outcomes(results))


BLOCKS = {
    ROOT / "README.md": {"benchmarks": readme_block},
    ROOT / "docs" / "performance.md": {"round trip": breakdown_block, "aims": aims_block},
}


def filled(page: Path, results: Results) -> str:
    """Return a page's text with each of its blocks as the results say; ValueError when it lacks one.

    Thread safety: any thread.
    """
    text = page.read_text(encoding="utf-8")
    for name, make in BLOCKS[page].items():
        begin, end = f"<!-- {name}: begin, by tools/show_benchmarks.py -->\n", f"<!-- {name}: end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{page.name}: no block {name!r}")
        text = "".join([before, begin, *(f"{line}\n" for line in make(results)), end, after])
    return text


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with --check return 1 when one of them says something else."""
    results = Results.load(RESULTS)
    code = 0
    for page in BLOCKS:
        text = filled(page, results)
        if text == page.read_text(encoding="utf-8"):
            continue
        if "--check" in arguments:
            print(f"{page.relative_to(ROOT)} does not say what {FOLDER} says: run tools/show_benchmarks.py")
            code = 1
        else:
            page.write_text(text, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
