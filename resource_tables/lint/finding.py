# SPDX-License-Identifier: Apache-2.0
"""What the validator says: findings, a verdict, and the report of one file for one profile."""

from dataclasses import dataclass, field

from resource_tables.layout import TableLayout
from resource_tables.lint.rules.context import Context
from resource_tables.lint.rules.rule import Severity
from resource_tables.model import ResourceTable
from resource_tables.text import to_json

#: The words of a verdict.
ACCEPTED = "accepted"
REJECTED = "rejected"
NO_TABLE = "no-table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule says about one place.

    ``offset`` is a byte in the file (or in a bare table) or None, ``size`` the bytes to underline there,
    ``entry`` an index of the offset array or None. Thread safety: immutable.
    """

    rule: str
    severity: Severity
    message: str
    hint: str
    source: str
    offset: int | None = None
    size: int = 4
    entry: int | None = None
    field: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the finding as an object of strings and numbers."""
        return {
            "rule": self.rule,
            "severity": self.severity.word,
            "offset": self.offset,
            "entry": self.entry,
            "field": self.field,
            "message": self.message,
            "hint": self.hint,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the loader would do: "accepted", "rejected" or "no-table", with its errno (positive) and log line.

    Accepted are images whose headers, table, offsets and entries the loader takes. ``errno`` is None where
    the loader goes on, or is not Linux; ``log`` is None where it says nothing. Thread safety: immutable.
    """

    word: str
    errno: int | None = None
    log: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything there is to say about one file and one profile.

    ``findings`` are in file order, those without a place first; ``omitted`` counts the ones beyond the
    limits. ``layout`` is the table with the places of its entries, None where there is none that could be
    decoded. ``data`` are the bytes and ``context`` what the rules saw in them. Thread safety: immutable.
    """

    path: str
    profile: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    omitted: int = 0
    layout: TableLayout | None = None
    data: bytes = field(default=b"", repr=False)
    context: Context | None = field(default=None, repr=False, compare=False)

    @property
    def table(self) -> ResourceTable | None:
        """The values of the table."""
        return None if self.layout is None else self.layout.table

    @property
    def worst(self) -> Severity | None:
        """The greatest severity of a finding."""
        return max((finding.severity for finding in self.findings), default=None)

    def to_json(self) -> dict[str, object]:
        """Return one member of "files" in the JSON report."""
        return {
            "path": self.path,
            "profile": self.profile,
            "verdict": self.verdict.word,
            "errno": self.verdict.errno,
            "log": self.verdict.log,
            "findings": [finding.to_json() for finding in self.findings],
            "omitted": self.omitted,
            "table": None if self.layout is None else to_json(self.layout),
        }
