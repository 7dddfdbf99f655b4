# SPDX-License-Identifier: Apache-2.0
"""A report as SARIF 2.1.0, which code scanning services and editors read.

Format: OASIS "Static Analysis Results Interchange Format (SARIF) Version 2.1.0 Plus Errata 01".
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from resource_tables.errors import UnreadableError
from resource_tables.lint.finding import Finding, Report
from resource_tables.lint.reports import Result
from resource_tables.lint.reports.names import EntryNames
from resource_tables.lint.reports.words import errno_name, one_line
from resource_tables.lint.rules import RULES
from resource_tables.lint.rules.rule import Rule, Severity

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}

#: In messages (3.11.5, 3.11.6) braces mark placeholders and brackets mark links.
_ESCAPES = str.maketrans({"{": "{{", "}": "}}", "[": r"\[", "]": r"\]", "\\": r"\\"})


def render(results: Iterable[Result], version: str = "") -> str:
    """Return the document with one run; ``version`` is that of the tool. Thread safety: any thread."""
    indices = {rule.id: index for index, rule in enumerate(RULES)}
    found: list[dict[str, Any]] = []
    notifications: list[dict[str, Any]] = []
    for result in results:
        if isinstance(result, UnreadableError):
            said = f"{result.path}: {result.reason} ({errno_name(result.errno)})"
            notifications.append(_notification("error", result.path, said))
            continue
        names = EntryNames(result)
        found += (_result(result, finding, names, indices) for finding in result.findings)
        if result.omitted:
            said = f"{result.path}: {result.omitted} more findings are not listed"
            notifications.append(_notification("note", result.path, said))
    unreadable = any(one["level"] == "error" for one in notifications)
    driver = {"name": "rproc lint", "rules": [_rule(rule) for rule in RULES]}
    run = {
        "tool": {"driver": driver | ({"version": version} if version else {})},
        "invocations": [
            # A file that cannot be read is the run's failure, not a finding of the tool.
            {"executionSuccessful": not unreadable, "toolExecutionNotifications": notifications}
        ],
        "results": found,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.title.split("-")),
        "shortDescription": {"text": rule.title.replace("-", " ")},
        "fullDescription": {"text": _plain(rule.reason)},
        "help": {"text": _plain(f"{rule.hint} Source: {rule.source}")},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(
    report: Report, finding: Finding, names: EntryNames, indices: Mapping[str, int]
) -> dict[str, Any]:
    place = names.place(finding)
    message = f"{place}: {finding.message}" if place else finding.message
    location: dict[str, Any] = {"physicalLocation": _physical(report.path, finding)}
    if place:
        location["logicalLocations"] = [{"fullyQualifiedName": one_line(place), "kind": "member"}]
    return {
        "ruleId": finding.rule,
        "ruleIndex": indices[finding.rule],
        "level": _LEVELS[finding.severity],
        "message": {"text": _plain(f"{message}. Hint: {finding.hint}" if finding.hint else message)},
        "locations": [location],
        "properties": {"profile": report.profile, "verdict": report.verdict.word, "source": finding.source},
    }


def _physical(path: str, finding: Finding) -> dict[str, Any]:
    # Of an image the byte is what matters (3.30.2), but services show nothing that has no line.
    region: dict[str, Any] = {"startLine": 1}
    if finding.offset is not None:
        region |= {"byteOffset": finding.offset, "byteLength": finding.size}
    return {"artifactLocation": {"uri": _uri(path)}, "region": region}


def _notification(level: str, path: str, text: str) -> dict[str, Any]:
    return {
        "level": level,
        "message": {"text": _plain(text)},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(path)}}}],
    }


def _uri(path: str) -> str:
    """Return a reference relative to the folder of the run, which services take for the repository's."""
    if Path(path).is_absolute():
        return Path(path).as_uri()
    # A colon in the first segment would make it a scheme.
    return quote(os.fsencode(path.replace(os.sep, "/")), safe="/-._~")


def _plain(text: str) -> str:
    return one_line(text).translate(_ESCAPES)
