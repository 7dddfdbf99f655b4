# SPDX-License-Identifier: Apache-2.0
"""``rpmsg bench``: what messages cost on this machine, beside what nothing can be faster than."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rprochost.bench.options import OWN_SUITE, STANDARD_SUITES
from rprochost.bench.placement import Placement
from rprochost.cli.common import EXIT_FAILURE, EXIT_OK, Output, UsageError, Verb, positive

if TYPE_CHECKING:
    from rprochost.bench.compare import Comparison
    from rprochost.bench.options import Options
    from rprochost.bench.results import Results

EXAMPLES = """\
rpmsg bench
rpmsg bench round-trip blocking --placement same
rpmsg bench echo --kind library --size 64 --spin-us 0 --outstanding 8 --cores 4
rpmsg bench --full --output results
rpmsg bench --full --compare results/results.json --threshold 5
rpmsg bench --load new.json --compare old.json"""


def numbers(text: str) -> tuple[int, ...]:
    """An option's value: integers above 0, with commas between them."""
    return tuple(positive(part) for part in text.split(","))


def not_negative(text: str) -> float:
    """An option's value: a number that is 0 or more."""
    value = float(text)
    if not 0 <= value <= 1e6:
        raise argparse.ArgumentTypeError(f"must be 0 to 1000000: {text}")
    return value


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    known = ", ".join((*STANDARD_SUITES, OWN_SUITE))
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"what to measure (default: all): {known}")
    add, how_much = parser.add_argument, parser.add_mutually_exclusive_group()
    how_much.add_argument("--quick", action="store_true", help="half a minute for everything (the default)")
    how_much.add_argument("--full", action="store_true", help="several minutes, for results that are kept")
    add("--rounds", type=positive, help="rounds, each of which runs every case once")
    add("--round-time", type=not_negative, metavar="S", help="seconds for each case in a round")
    add("--size", type=numbers, dest="sizes", metavar="N[,N]", help="bytes of a message")
    where = [str(placement) for placement in Placement]
    add("--placement", choices=where, help="CPU of the core: another one, the same, or free")
    add("--batch", type=positive, help="messages per call, one way")
    add("--outstanding", type=positive, help="messages under way at once")
    add("--spin-us", type=not_negative, metavar="US", help="how long the host spins before it sleeps")
    add("--work-us", type=not_negative, metavar="US", help="how long a core works on a message")
    add("--cores", type=numbers, metavar="N[,N]", help="cores: points of growth; echo takes the largest")
    add("--endpoints", type=numbers, metavar="N[,N]", help="open endpoints, likewise")
    add("--kind", choices=("process", "library", "python"), help=f"kind of core, of {OWN_SUITE}")
    add("--output", type=Path, metavar="DIR", help="write results.json, report.md and pictures")
    add("--load", type=Path, metavar="JSON", help="measure nothing, take these results")
    add("--compare", type=Path, metavar="JSON", help="show what changed since; a regression is exit code 1")
    add("--threshold", type=not_negative, default=10.0, metavar="%", help="what counts (%(default)g %%)")
    add("--absolute", action="store_true", help="compare times as they are, not corrected by the floors")


def make_options(arguments: argparse.Namespace) -> "Options":
    """Return the options that the command line asks for."""
    from dataclasses import replace

    from rprochost.bench.options import FULL, QUICK

    given = {
        "rounds": arguments.rounds,
        "round_s": arguments.round_time,
        "sizes": arguments.sizes,
        "placement": arguments.placement and Placement(arguments.placement),
        "batch": arguments.batch,
        "outstanding": arguments.outstanding,
        "spin_us": arguments.spin_us,
        "work_us": arguments.work_us,
        "kind": arguments.kind,
        "cores": arguments.cores,
        "idle_cores": arguments.cores and max(arguments.cores),
        "echo_cores": arguments.cores and max(arguments.cores),
        "endpoints": arguments.endpoints,
        "echo_endpoints": arguments.endpoints and max(arguments.endpoints),
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    return replace(FULL if arguments.full else QUICK, **chosen)


def _measure(arguments: argparse.Namespace, output: Output) -> "Results":
    from rprochost.bench.run import run_suites
    from rprochost.bench.suites import SUITES
    from rprochost.text import Progress

    unknown = [name for name in arguments.suites if name not in SUITES]
    if unknown:
        error = UsageError(f"no suite {unknown[0]!r}")
        error.hint = f"suites: {', '.join(SUITES)}"
        raise error
    suites = [SUITES[name] for name in arguments.suites or STANDARD_SUITES]
    steps = 0
    with Progress("bench", None, quiet=output.quiet or output.json) as progress:

        def show(text: str) -> None:
            nonlocal steps
            steps += 1
            progress.update(steps, text)

        return run_suites(suites, make_options(arguments), show)


def _save(results: "Results", folder: Path, output: Output) -> None:
    from rprochost.bench.plots import PlotsMissingError, draw
    from rprochost.bench.report import report
    from rprochost.bench.results import Results

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "results.json"
    results.save(file)
    # The page says what the file says, to the last digit.
    kept = Results.load(file)
    try:
        pictures = draw(kept, folder)
    except PlotsMissingError as error:
        output.say(f"{error}: {error.hint}")
        pictures = {}
    (folder / "report.md").write_text(report(kept, pictures), encoding="utf-8")
    output.say(f"wrote {folder / 'report.md'}")


def _show(results: "Results", output: Output) -> None:
    from rprochost.bench.show import lines, records

    for record in records(results):
        output.record(record)
    for line in lines(results):
        output.result(line)


def _show_comparison(comparison: "Comparison", threshold: float, output: Output) -> int:
    from rprochost.bench.show import comparison_lines, comparison_records

    for record in comparison_records(comparison, threshold):
        output.record(record)
    for line in comparison_lines(comparison, threshold):
        output.result(line)
    return EXIT_FAILURE if comparison.regressions(threshold) else EXIT_OK


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Measure, show, write, compare; 1 for a regression."""
    from rprochost.bench.compare import compare
    from rprochost.bench.results import Results

    # Before minutes are spent on measuring what it is compared with.
    old = Results.load(arguments.compare) if arguments.compare else None
    results = Results.load(arguments.load) if arguments.load else _measure(arguments, output)
    _show(results, output)
    if arguments.output:
        _save(results, arguments.output, output)
    if old is None:
        return EXIT_OK
    comparison = compare(old, results, absolute=arguments.absolute)
    return _show_comparison(comparison, arguments.threshold / 100, output)


VERB = Verb("bench", "measure what messages cost on this machine", EXAMPLES, configure, run)
