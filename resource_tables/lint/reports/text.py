# SPDX-License-Identifier: Apache-2.0
"""A report for people: file:offset, entry and field by name, the bytes concerned, what to change."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from resource_tables.errors import UnreadableError
from resource_tables.lint.finding import Finding, Report
from resource_tables.lint.reports import Result
from resource_tables.lint.reports.names import EntryNames
from resource_tables.lint.reports.words import count, errno_name, one_line
from resource_tables.lint.rules import rule_by_id
from resource_tables.lint.rules.rule import Severity

#: Writes text in the colours named: bold, dim, red, green, yellow, cyan.
Paint = Callable[..., str]

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_VERDICTS = {"accepted": "green", "rejected": "red", "no-table": "yellow"}
_ROW = 16
#: Rows of a hex excerpt: a name that begins in the middle of one reaches into a third.
_MAX_ROWS = 3
_INDENT = "    "


def plain(text: str, *_colours: str) -> str:
    """Return the text as it is: a Paint without colours. Thread safety: any thread."""
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How much is shown, and in which colours.

    ``quiet`` leaves the findings alone, one line each; ``verbose`` adds why each rule exists; ``drawn`` draws
    the memory map. ``by_default`` says that the user has not chosen a profile. Thread safety: immutable.
    """

    paint: Paint = plain
    quiet: bool = False
    verbose: bool = False
    drawn: bool = False
    by_default: bool = False


class Tally:
    """Counts results and findings. Thread safety: none; the caller serialises."""

    def __init__(self) -> None:
        self._severities: Counter[Severity] = Counter()
        self._files = self._unreadable = 0
        self._path: str | None = None

    def add(self, result: Result) -> None:
        """Count one result."""
        # One file after the other, each for every profile.
        self._files += result.path != self._path
        self._path = result.path
        if isinstance(result, UnreadableError):
            self._unreadable += 1
            return
        self._severities.update(finding.severity for finding in result.findings)

    def fails(self, fail_on: Severity | None) -> bool:
        """Whether a finding is as bad as ``fail_on`` (None: none is), or a file was unreadable."""
        reached = fail_on is not None and any(severity >= fail_on for severity in self._severities)
        return reached or self._unreadable > 0

    def line(self) -> str:
        """Return the last line of a report: "2 files: 1 error, 3 warnings, 2 infos"."""
        parts = [
            count(self._severities[severity], severity.word) for severity in sorted(Severity, reverse=True)
        ]
        if self._unreadable:
            parts.insert(0, f"{self._unreadable} unreadable")
        return f"{count(self._files, 'file')}: {', '.join(parts)}"


def render(results: Iterable[Result], look: Look = Look()) -> str:
    """Return the whole report. Thread safety: any thread."""
    tally = Tally()
    lines: list[str] = []
    for result in results:
        tally.add(result)
        lines += result_lines(result, look)
    if not look.quiet:
        lines.append(tally.line())
    return "".join(line + "\n" for line in lines)


def result_lines(result: Result, look: Look) -> Iterator[str]:
    """Yield the lines about one file. Thread safety: any thread."""
    if isinstance(result, UnreadableError):
        path, reason = one_line(result.path), one_line(result.reason)
        yield f"{path}: {look.paint('unreadable', 'bold', 'red')}: {reason} ({errno_name(result.errno)})"
        return
    if not look.quiet:
        yield _verdict(result, look)
    names = EntryNames(result)
    for finding in result.findings:
        yield _headline(result, finding, names, look)
        if not look.quiet:
            yield from _explanation(result, finding, look)
    if result.omitted:
        yield f"{one_line(result.path)}: {count(result.omitted, 'more finding')} not shown"
    if look.drawn and result.context is not None:
        from resource_tables.lint.draw import draw, render_text

        drawing = render_text(draw(result.context, result.findings))
        yield from (_INDENT + line for line in drawing.splitlines())


def _verdict(report: Report, look: Look) -> str:
    verdict = report.verdict
    word = look.paint(verdict.word.replace("-", " "), "bold", _VERDICTS[verdict.word])
    line = f"{one_line(report.path)}: {word} (profile {one_line(report.profile)}"
    line += ", the default for it)" if look.by_default else ")"
    if verdict.errno is None:
        return line
    said = "no log line" if verdict.log is None else f'"{one_line(verdict.log)}"'
    return f"{line}: {errno_name(verdict.errno)}, {said}"


def _headline(report: Report, finding: Finding, names: EntryNames, look: Look) -> str:
    at = "" if finding.offset is None else f":{finding.offset:#x}"
    severity = look.paint(finding.severity.word, "bold", _COLOURS[finding.severity])
    rule = look.paint(f"{finding.rule} {rule_by_id(finding.rule).title}", "bold")
    place = names.place(finding)
    message = f"{place}: {finding.message}" if place else finding.message
    return f"{one_line(report.path)}{at}: {severity} {rule}: {one_line(message)}"


def _explanation(report: Report, finding: Finding, look: Look) -> Iterator[str]:
    if finding.offset is not None:
        for line, is_mark in hex_excerpt(report.data, finding.offset, finding.size):
            shown = look.paint(line, _COLOURS[finding.severity]) if is_mark else look.paint(line, "dim")
            yield _INDENT + shown
    if finding.hint:
        yield f"{_INDENT}hint: {one_line(finding.hint)}"
    if look.verbose:
        yield f"{_INDENT}why: {one_line(rule_by_id(finding.rule).reason)}"
        yield f"{_INDENT}source: {one_line(finding.source)}"


def hex_excerpt(data: bytes, offset: int, size: int) -> Iterator[tuple[str, bool]]:
    """Yield rows of 16 bytes and below each its underline, marked True; nothing where there are no bytes.

    Thread safety: any thread.
    """
    end = min(offset + size, len(data))
    first = offset - offset % _ROW if offset < end else end
    for number, start in enumerate(range(first, end, _ROW)):
        if number == _MAX_ROWS:
            yield f"...  {end - start} more bytes", False
            return
        row = data[start : start + _ROW]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lead = f"{start:#08x}  "
        yield f"{lead}{row.hex(' '):{3 * _ROW - 1}}  |{text}|", False
        marks = " ".join("^^" if offset <= start + i < end else "  " for i in range(len(row)))
        yield f"{'':{len(lead)}}{marks}".rstrip(), True
