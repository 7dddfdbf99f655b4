# SPDX-License-Identifier: Apache-2.0
"""``rproc lint``: would the loader take these firmware images, and what else is wrong with them."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rprochost.cli.common import EXIT_FAILURE, EXIT_OK, Output, UsageError, Verb

if TYPE_CHECKING:
    from resource_tables.lint.finding import Report
    from resource_tables.lint.profile import Profile
    from resource_tables.lint.reports import Result
    from resource_tables.lint.reports.text import Look
    from resource_tables.lint.rules.rule import Severity
    from resource_tables.memory_map import MemoryMap

FORMATS = ("text", "json", "sarif", "junit", "github")
SEVERITIES = ("error", "warning", "info", "never")

EXAMPLES = """\
rproc lint build/*.elf
rproc lint fw.elf --profile linux-6.1 --profile linux-6.12 --memory-map board.toml
rproc lint fw.elf --format sarif -o fw.sarif
rproc lint fw.elf --map --svg fw.svg
rproc lint --explain V38"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="a firmware image (ELF)")
    parser.add_argument("--raw", action="store_true", help="each FILE is a bare resource table")
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="NAME|FILE.toml",
        help="who is to load the image; may be repeated (default: from the image's machine)",
    )
    memory = parser.add_mutually_exclusive_group()
    memory.add_argument("--memory-map", metavar="FILE.toml", help="the memory of the target")
    memory.add_argument("--dtb", metavar="FILE.dtb", help="take it from the target's device tree")
    parser.add_argument(
        "--node", metavar="PATH", help="the remoteproc node in the device tree, where it has several"
    )
    parser.add_argument(
        "--fail-on",
        choices=SEVERITIES,
        default="error",
        help="the least severity that makes the exit code 1 (%(default)s)",
    )
    parser.add_argument("--format", choices=FORMATS, help="form of the report (text); --json is one of them")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the report to a file")
    parser.add_argument("--map", action="store_true", help="draw the memory map, below a text report")
    parser.add_argument("--svg", metavar="FILE", help="draw the memory map of one image as SVG")
    parser.add_argument("--explain", metavar="RULE", help="say what a rule looks at and why, and leave")
    parser.add_argument("--list-rules", action="store_true", help="list the rules and leave")
    parser.add_argument("--list-profiles", action="store_true", help="list the profiles and leave")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Check every file for every profile; 1 when there are findings or a file cannot be read."""
    output.json = _format(arguments) == "json"
    if arguments.explain or arguments.list_rules or arguments.list_profiles:
        return _inform(arguments, output)
    files = _files(arguments)
    job = _Job(arguments, output)
    text = job.render(files)
    if arguments.output is None:
        output.document(text)
    else:
        from rprochost.cli.files import write_text

        write_text(arguments.output, text)
    return EXIT_FAILURE if job.tally.fails(job.fail_on) else EXIT_OK


def _inform(arguments: argparse.Namespace, output: Output) -> int:
    from rprochost.cli.lint_rules import explain_rule, list_profiles, list_rules

    if arguments.explain:
        return explain_rule(arguments.explain, output)
    return list_rules(output) if arguments.list_rules else list_profiles(output)


def _format(arguments: argparse.Namespace) -> str:
    if arguments.json and arguments.format not in (None, "json"):
        raise UsageError(f"--json and --format {arguments.format} do not go together")
    return "json" if arguments.json else arguments.format or "text"


def _files(arguments: argparse.Namespace) -> list[str]:
    """Return the files to check, after all that can be wrong with the command line."""
    files = [file for word in arguments.files for file in expanded(word)]
    if not files:
        raise _wrong("FILE is missing", "rproc lint build/fw.elf, or --explain or --list-rules")
    if arguments.node and not arguments.dtb:
        raise _wrong("--node goes with --dtb")
    if arguments.svg and (len(files) != 1 or len(arguments.profile) > 1):
        raise _wrong("--svg draws one image for one profile")
    if arguments.map and _format(arguments) != "text":
        raise _wrong("--map goes with a text report", "--svg FILE draws it beside any report")
    if arguments.svg and arguments.output and _is_one(arguments.svg, arguments.output):
        raise _wrong("--svg and -o name the same file")
    read = [*files, *arguments.profile, *filter(None, (arguments.memory_map, arguments.dtb))]
    for written in (arguments.output, arguments.svg):
        if written is not None and any(_is_same(written, file) for file in read):
            raise _wrong(f"{written} is one of the files to read", "name another file for the result")
    return files


def expanded(word: str, by_shell: bool = os.name != "nt") -> list[str]:
    """Return the files that a word means: the shells of Windows leave patterns to the programs."""
    if by_shell or not any(mark in word for mark in "*?["):
        return [word]
    path = Path(word)
    found = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
    return sorted(map(str, found)) or [word]


def _is_one(one: str, other: str) -> bool:
    """Whether two paths lead to one file, which need not be there yet."""
    return os.path.realpath(one) == os.path.realpath(other)


def _is_same(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


def _wrong(what: str, hint: str = "") -> UsageError:
    error = UsageError(what)
    error.hint = hint
    return error


class _Job:
    """One run of the linter. Thread safety: none; the caller serialises."""

    def __init__(self, arguments: argparse.Namespace, output: Output) -> None:
        from resource_tables.lint.reports.text import Tally

        self.arguments = arguments
        self.output = output
        self.tally = Tally()
        self.fail_on: Severity | None = _severity(arguments.fail_on)
        self._profiles, self._memory = _target(arguments)

    def render(self, files: list[str]) -> str:
        """Return the report in the form that was asked for."""
        from rprochost.text import Progress

        number = len(files) * max(len(self._profiles), 1)
        with Progress("lint", number, quiet=self.output.quiet) as progress:
            return self._render(self._results(files, progress.update))

    def _render(self, results: "Iterator[Result]") -> str:
        form = _format(self.arguments)
        if form == "text":
            from resource_tables.lint.reports import text

            return text.render(results, self._look())
        if form == "json":
            from resource_tables.lint.reports import plain_json

            return plain_json.render(results)
        if form == "junit":
            from resource_tables.lint.reports import junit

            return junit.render(results, self.fail_on)
        if form == "github":
            from resource_tables.lint.reports import github

            return github.render(results)
        from resource_tables.lint.reports import sarif
        from rprochost.cli.parser import version

        return sarif.render(results, version())

    def _look(self) -> "Look":
        from resource_tables.lint.reports.text import Look, plain
        from rprochost.text import Style

        on_terminal = self.arguments.output is None and sys.stdout is not None
        return Look(
            paint=Style(sys.stdout) if on_terminal else plain,
            quiet=self.output.quiet,
            verbose=self.output.verbose,
            drawn=self.arguments.map,
            by_default=not self._profiles,
        )

    def _results(self, files: list[str], on_progress: Callable[[int], None]) -> "Iterator[Result]":
        for done, result in enumerate(self._checked(files), 1):
            on_progress(done)
            self.tally.add(result)
            yield result

    def _checked(self, files: list[str]) -> "Iterator[Result]":
        from resource_tables.errors import UnreadableError
        from resource_tables.files import read_bounded
        from resource_tables.lint.validator import validate

        for file in files:
            try:
                data = read_bounded(file)
            except UnreadableError as error:
                yield error
                continue
            for profile in self._profiles or (None,):
                report = validate(
                    data, profile=profile, memory_map=self._memory, raw=self.arguments.raw, name=file
                )
                if self.arguments.svg is not None:
                    _draw(report, self.arguments.svg)
                yield report


def _draw(report: "Report", file: str) -> None:
    from resource_tables.lint.draw import draw
    from resource_tables.lint.reports.svg import render_svg
    from rprochost.cli.files import write_text

    if report.context is not None:
        drawing = draw(report.context, report.findings)
        write_text(file, render_svg(drawing, f"{report.path} ({report.profile})"))


def _severity(word: str) -> "Severity | None":
    from resource_tables.lint.rules.rule import Severity

    return None if word == "never" else Severity.parse(word)


def _target(arguments: argparse.Namespace) -> "tuple[list[Profile], MemoryMap | None]":
    """Load the profiles and the memory map; what is wrong with them is wrong use."""
    from resource_tables.errors import TableError
    from resource_tables.lint.profile import load_profile
    from resource_tables.memory_map import read_memory_map

    memory = None
    try:
        profiles = [load_profile(name) for name in arguments.profile]
        if arguments.memory_map:
            memory = read_memory_map(arguments.memory_map)
        elif arguments.dtb:
            from resource_tables.lint.device_tree import read_dtb

            memory = read_dtb(arguments.dtb, arguments.node)
    except TableError as error:
        raise _wrong(str(error), error.hint) from None
    return profiles, memory


VERB = Verb("lint", "check firmware images before a board does", EXAMPLES, configure, run, portable=True)
