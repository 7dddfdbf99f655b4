# SPDX-License-Identifier: Apache-2.0
"""The forms of a report: each says all findings, and nothing that a file contains can break one."""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import Finding, Report, Severity, UnreadableError, Verdict
from resource_tables.lint.reports import Result, github, junit, plain_json, sarif, text
from resource_tables.lint.reports.words import one_line, rough_size, size_text
from resource_tables.lint.rules import RULES

DOCS = Path(__file__).resolve().parents[2] / "docs"

#: What a file, a name or a message may contain: controls, lone surrogates, marks of every format.
ANY_TEXT = st.text(max_size=30) | st.sampled_from(
    [
        "\x1b]0;title\x07\x1b[31m",
        "a\r\n::error file=x::b",
        "]]></failure><!--",
        '"><script>&amp;\x00\ufffe\udcff',
        "{0} {{x}} [link](https://example.com) \\[",
        "100%25,a:b",
        "\u202eabc\u2028\x85",
    ]
)
PATHS = ANY_TEXT.filter(bool)


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    """A finding of any rule with any texts."""
    return Finding(
        rule=draw(st.sampled_from(RULES)).id,
        severity=draw(st.sampled_from(Severity)),
        message=draw(ANY_TEXT),
        hint=draw(ANY_TEXT),
        source=draw(ANY_TEXT),
        offset=draw(st.none() | st.integers(0, 100)),
        size=draw(st.integers(1, 40)),
        entry=draw(st.none() | st.integers(0, 3)),
        field=draw(st.none() | ANY_TEXT),
    )


VERDICTS = st.builds(
    Verdict,
    st.sampled_from(["accepted", "rejected", "no-table"]),
    st.none() | st.integers(1, 200),
    st.none() | ANY_TEXT,
)
REPORTS = st.builds(
    Report,
    path=PATHS,
    profile=PATHS,
    verdict=VERDICTS,
    findings=st.lists(findings(), max_size=4).map(tuple),
    omitted=st.integers(0, 3),
    data=st.binary(max_size=100),
)
UNREADABLE = st.builds(UnreadableError, PATHS, st.integers(1, 40), ANY_TEXT)
RESULTS = st.lists(REPORTS | UNREADABLE, max_size=3)

#: The part of SARIF 2.1.0 that is written here, with nothing else allowed.
_TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
_ARTIFACT = {
    "type": "object",
    "required": ["uri"],
    "additionalProperties": False,
    "properties": {"uri": {"type": "string", "pattern": r"^[!#-;=?-Z_a-z~]+$"}},
}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_REGION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["startLine"],
    "properties": {
        "startLine": {"type": "integer", "minimum": 1},
        "byteOffset": {"type": "integer", "minimum": 0},
        "byteLength": {"type": "integer", "minimum": 0},
    },
}
_LOCATION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "additionalProperties": False,
            "required": ["artifactLocation"],
            "properties": {"artifactLocation": _ARTIFACT, "region": _REGION},
        },
        "logicalLocations": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"fullyQualifiedName": {"type": "string"}, "kind": {"const": "member"}},
            },
        },
    },
}
_RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "pattern": "^[VX][0-9]{2}[a-z]?$"},
        "name": {"type": "string", "pattern": "^[A-Z][A-Za-z0-9]+$"},
        "shortDescription": _TEXT,
        "fullDescription": _TEXT,
        "help": _TEXT,
        "defaultConfiguration": {"type": "object", "properties": {"level": _LEVEL}},
    },
}
_RESULT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": _LEVEL,
        "message": _TEXT,
        "locations": {"type": "array", "items": _LOCATION, "minItems": 1},
        "properties": {"type": "object"},
    },
}
_NOTIFICATION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["message", "level"],
    "properties": {"message": _TEXT, "level": _LEVEL, "locations": {"type": "array", "items": _LOCATION}},
}
_RUN = {
    "type": "object",
    "additionalProperties": False,
    "required": ["tool", "results"],
    "properties": {
        "tool": {
            "type": "object",
            "required": ["driver"],
            "additionalProperties": False,
            "properties": {
                "driver": {
                    "type": "object",
                    "required": ["name"],
                    "additionalProperties": False,
                    "properties": {
                        "name": {"const": "rproc lint"},
                        "version": {"type": "string", "minLength": 1},
                        "rules": {"type": "array", "items": _RULE, "uniqueItems": True},
                    },
                }
            },
        },
        "invocations": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["executionSuccessful"],
                "additionalProperties": False,
                "properties": {
                    "executionSuccessful": {"type": "boolean"},
                    "toolExecutionNotifications": {"type": "array", "items": _NOTIFICATION},
                },
            },
        },
        "results": {"type": "array", "items": _RESULT},
    },
}
SARIF = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": _RUN, "minItems": 1, "maxItems": 1},
    },
}


def _all(results: list[Result]) -> list[Finding]:
    return [one for result in results if isinstance(result, Report) for one in result.findings]


def _decoded(escaped: str) -> str:
    """What GitHub's runner makes of an escaped text."""
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        escaped = escaped.replace(code, character)
    return escaped


@given(RESULTS, st.booleans(), st.booleans())
def test_text_is_printable_lines_and_names_every_finding(
    results: list[Result], quiet: bool, verbose: bool
) -> None:
    lines = text.render(results, text.Look(quiet=quiet, verbose=verbose)).split("\n")
    assert lines.pop() == ""
    assert all(line.isprintable() for line in lines)
    for finding in _all(results):
        rule = next(rule for rule in RULES if rule.id == finding.rule)
        head = f": {finding.severity.word} {rule.id} {rule.title}: "
        assert any(head in line and line.endswith(one_line(finding.message)) for line in lines)


@given(RESULTS)
def test_github_commands_are_one_line_each_and_decode_to_what_was_said(results: list[Result]) -> None:
    lines = github.render(results).split("\n")
    assert lines.pop() == ""
    extra = [one for one in results if isinstance(one, UnreadableError) or one.omitted]
    assert len(lines) == len(_all(results)) + len(extra)
    paths = {one_line(result.path) for result in results}
    for line in lines:
        match = re.fullmatch(r"::(error|warning|notice) file=([^:,]*),title=([^:,]+)::(.*)", line)
        assert match is not None, line
        assert _decoded(match[2]) in paths
    messages = [_decoded(line.split("::", 2)[2]) for line in lines]
    for finding in _all(results):
        assert any(one_line(finding.message) in message for message in messages)


@given(RESULTS, st.sampled_from([*Severity, None]))
def test_junit_parses_and_counts_what_fails(results: list[Result], fail_on: Severity | None) -> None:
    root = ElementTree.fromstring(junit.render(results, fail_on))
    failing = [one for one in _all(results) if fail_on is not None and one.severity >= fail_on]
    unreadable = [one for one in results if isinstance(one, UnreadableError)]
    assert len(root.findall("testsuite")) == len(results)
    assert len(root.findall(".//failure")) == len(failing) == int(root.attrib["failures"])
    assert len(root.findall(".//error")) == len(unreadable) == int(root.attrib["errors"])
    assert len(root.findall(".//testcase")) == int(root.attrib["tests"])
    assert [case.attrib["message"].startswith(one_line(one.reason)) for case, one in zip(
        root.findall(".//error"), unreadable, strict=True
    )] == [True] * len(unreadable)  # fmt: skip
    for suite in root.findall("testsuite"):
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))


def _plain(message: str) -> str:
    """What a viewer of SARIF makes of a message without links and arguments."""
    assert not re.search(r"(?<!\\)(?:\\\\)*\[", message), "a link"
    undone = re.sub(r"\\(.)", r"\1", message)
    assert not re.search(r"(?<!\{)(?:\{\{)*\{(?!\{)", undone), "a placeholder"
    return undone.replace("{{", "{").replace("}}", "}")


@given(RESULTS)
def test_sarif_is_valid_and_shows_each_message_as_it_is(results: list[Result]) -> None:
    document: dict[str, Any] = json.loads(sarif.render(results, "0.1"))
    jsonschema.validate(document, SARIF, format_checker=jsonschema.FormatChecker())
    (run,) = document["runs"]
    found, rules = run["results"], run["tool"]["driver"]["rules"]
    unreadable = any(isinstance(one, UnreadableError) for one in results)
    assert run["invocations"][0]["executionSuccessful"] is not unreadable
    for shown, finding in zip(found, _all(results), strict=True):
        assert rules[shown["ruleIndex"]]["id"] == shown["ruleId"] == finding.rule
        assert one_line(finding.message) in _plain(shown["message"]["text"])
        region = shown["locations"][0]["physicalLocation"]["region"]
        assert region.get("byteOffset") == finding.offset


@given(RESULTS)
def test_json_follows_its_schema_and_loses_no_character(results: list[Result]) -> None:
    document = json.loads(plain_json.render(results))
    schema = json.loads((DOCS / "lint.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    shown = [one for file in document["files"] for one in file["findings"]]
    assert [one["message"] for one in shown] == [one.message for one in _all(results)]
    unreadable = [one.reason for one in results if isinstance(one, UnreadableError)]
    assert [one["message"] for one in document["errors"]] == unreadable


@pytest.mark.parametrize(
    ("offset", "size", "rows"),
    [
        (0, 4, ["0x000000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f", "^^ ^^ ^^ ^^"]),
        (
            14,
            4,
            [
                "0x000000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f",
                "^^ ^^",
                "0x000010  10 11 12 13",
                "^^ ^^",
            ],
        ),
        (19, 4, ["0x000010  10 11 12 13", "^^"]),
        (20, 4, []),
    ],
)
def test_the_bytes_concerned_are_underlined(offset: int, size: int, rows: list[str]) -> None:
    lines = list(text.hex_excerpt(bytes(range(20)), offset, size))
    assert [line.split("  |")[0].strip() for line, _ in lines] == rows
    for (row, _), (marks, is_mark) in zip(lines[::2], lines[1::2], strict=True):
        assert is_mark
        start = int(row[:8], 16)
        under = [i for i in range(16) if marks[10 + 3 * i : 12 + 3 * i] == "^^"]
        assert under == [i for i in range(16) if offset <= start + i < min(offset + size, 20)]


def test_a_long_excerpt_ends_with_the_number_of_bytes_left_out() -> None:
    lines = [line for line, _ in text.hex_excerpt(bytes(200), 8, 100)]
    assert len(lines) == 7
    assert lines[-1] == "...  60 more bytes"


@given(st.integers(0, 1 << 70))
def test_a_size_is_exact(size: int) -> None:
    number, unit = size_text(size).split()
    assert Fraction(number) * 1024 ** ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].index(unit) == size


@given(st.integers(1, 1 << 60))
def test_a_rough_size_is_right_to_a_tenth_of_its_unit(size: int) -> None:
    number, unit = rough_size(size).split()
    scale = 1024 ** ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].index(unit)
    assert abs(float(number) * scale - size) <= scale / 20 * 1.001
