# SPDX-License-Identifier: Apache-2.0
"""A report as workflow commands of GitHub Actions, which show each finding on the page of the run.

Format: docs.github.com, "Workflow commands for GitHub Actions", setting a notice, warning or error message.
"""

from collections.abc import Iterable, Iterator

from resource_tables.errors import UnreadableError
from resource_tables.lint.finding import Finding, Report
from resource_tables.lint.reports import Result
from resource_tables.lint.reports.names import EntryNames
from resource_tables.lint.reports.words import one_line
from resource_tables.lint.rules import rule_by_id
from resource_tables.lint.rules.rule import Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(results: Iterable[Result]) -> str:
    """Return one command per finding and per unreadable file. Thread safety: any thread."""
    return "".join(line + "\n" for result in results for line in _lines(result))


def _lines(result: Result) -> Iterator[str]:
    if isinstance(result, UnreadableError):
        yield _command("error", result.path, "unreadable file", result.reason)
        return
    names = EntryNames(result)
    for finding in result.findings:
        title = f"{finding.rule} {rule_by_id(finding.rule).title}"
        yield _command(_COMMANDS[finding.severity], result.path, title, _message(result, finding, names))
    if result.omitted:
        yield _command("notice", result.path, "omitted", f"{result.omitted} more findings are not shown")


def _message(report: Report, finding: Finding, names: EntryNames) -> str:
    # Only files of the repository are shown with their findings, and an image is none of them.
    at = report.path if finding.offset is None else f"{report.path}:{finding.offset:#x}"
    parts = (at, names.place(finding), finding.message)
    said = ": ".join(part for part in parts if part)
    return f"{said} ({report.profile}). {finding.hint}".rstrip()


def _command(name: str, path: str, title: str, message: str) -> str:
    # Colon and comma separate the properties, and only there they must be escaped.
    file, head = (_data(text).replace(":", "%3A").replace(",", "%2C") for text in (path, title))
    return f"::{name} file={file},title={head}::{_data(message)}"


def _data(text: str) -> str:
    # one_line leaves no CR and no LF, which would be %0D and %0A.
    return one_line(text).replace("%", "%25")
