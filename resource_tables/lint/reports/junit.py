# SPDX-License-Identifier: Apache-2.0
"""A report as JUnit XML, which CI servers show as tests.

A file and profile is a suite: its first case is the loader's verdict, and each finding is a case of its own.
A finding below the limit is a case that passes and says something.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

from resource_tables.errors import UnreadableError
from resource_tables.lint.finding import Finding, Report
from resource_tables.lint.reports import Result
from resource_tables.lint.reports.names import EntryNames
from resource_tables.lint.reports.words import errno_name, one_line
from resource_tables.lint.rules import rule_by_id
from resource_tables.lint.rules.rule import Severity


@dataclass(frozen=True, slots=True)
class _Case:
    """One test case: ``outcome`` is "", "failure" or "error"."""

    name: str
    outcome: str
    kind: str
    text: str


def render(results: Iterable[Result], fail_on: Severity | None = Severity.ERROR) -> str:
    """Return the document; findings as bad as ``fail_on`` are failures. Thread safety: any thread."""
    suites: list[str] = []
    total = {"": 0, "failure": 0, "error": 0}
    for result in results:
        cases = list(_cases(result, fail_on))
        for case in cases:
            total[case.outcome] += 1
        suites += _suite(result, cases)
    counts = _counts(sum(total.values()), total["failure"], total["error"])
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="rproc lint" {counts}>', *suites]
    # As character references, so that the bytes are right whatever encoding the output has.
    return "\n".join([*lines, "</testsuites>", ""]).encode("ascii", "xmlcharrefreplace").decode()


def _counts(tests: int, failures: int, errors: int) -> str:
    return f'tests="{tests}" failures="{failures}" errors="{errors}"'


def _cases(result: Result, fail_on: Severity | None) -> Iterator[_Case]:
    if isinstance(result, UnreadableError):
        yield _Case("readable", "error", errno_name(result.errno), result.reason)
        return
    yield _Case("verdict", "", "", _verdict(result))
    names = EntryNames(result)
    for finding in result.findings:
        outcome = "failure" if fail_on is not None and finding.severity >= fail_on else ""
        title = f"{finding.rule} {rule_by_id(finding.rule).title}"
        at = "" if finding.offset is None else f" at {finding.offset:#x}"
        yield _Case(title + at, outcome, finding.severity.word, _said(finding, names))


def _verdict(report: Report) -> str:
    verdict = report.verdict
    reason = "" if verdict.errno is None else f": {errno_name(verdict.errno)} {verdict.log or ''}"
    return f"{verdict.word} by {report.profile}{reason}".rstrip()


def _said(finding: Finding, names: EntryNames) -> str:
    place = names.place(finding)
    message = f"{place}: {finding.message}" if place else finding.message
    return f"{message} (hint: {finding.hint})" if finding.hint else message


def _suite(result: Result, cases: list[_Case]) -> Iterator[str]:
    profile = "" if isinstance(result, UnreadableError) else f" ({result.profile})"
    counts = _counts(
        len(cases),
        sum(case.outcome == "failure" for case in cases),
        sum(case.outcome == "error" for case in cases),
    )
    yield f"<testsuite name={_attribute(result.path + profile)} {counts}>"
    for case in cases:
        head = f"<testcase classname={_attribute(result.path)} name={_attribute(case.name)}>"
        text = one_line(case.text)
        if case.outcome:
            kind = f"{case.outcome} type={_attribute(case.kind)} message={_attribute(text)}"
            yield f"{head}<{kind}>{escape(text)}</{case.outcome}></testcase>"
        else:
            yield f"{head}<system-out>{escape(text)}</system-out></testcase>"
    yield "</testsuite>"


def _attribute(text: str) -> str:
    return f'"{escape(one_line(text))}"'
