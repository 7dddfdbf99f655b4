# SPDX-License-Identifier: Apache-2.0
"""What a rule of the validator is, and what it says about one place.

A rule either names checks of the loader (``resource_tables.checks``), whose failures it then reports, or has
a function of its own that looks at a :class:`~resource_tables.lint.rules.context.Context`, or both. No rule
looks again at what a check has looked at.
"""

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from resource_tables.lint.rules.context import Context


class Severity(enum.IntEnum):
    """How bad a finding is; greater is worse.

    ERROR is what the profile's loader refuses or what is certain to corrupt memory, WARNING what is accepted
    and probably not what was meant, INFO what is good to know. Thread safety: immutable.
    """

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        """The name as reports and options have it: "info", "warning" or "error"."""
        return self.name.lower()

    @classmethod
    def parse(cls, word: str) -> "Severity":
        """Return the severity of that name; raises ValueError that lists the names."""
        for severity in cls:
            if severity.word == word:
                return severity
        raise ValueError(f"must be {', '.join(severity.word for severity in cls)}, not {word!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One place where a rule found something.

    ``offset`` is a byte in the table, or in the file where ``in_file`` is set; None where no byte is at
    fault. ``size`` is the number of bytes to underline. ``entry`` is an index of the offset array. ``hint``
    and ``severity`` None take the rule's. Thread safety: immutable.
    """

    message: str
    offset: int | None = None
    size: int = 4
    entry: int | None = None
    field: str | None = None
    hint: str | None = None
    severity: Severity | None = None
    in_file: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the validator.

    ``id`` is stable ("V25"), ``title`` a short name in kebab-case, ``reason`` one sentence that says what
    goes wrong, ``source`` where Linux, virtio or the ABI says so, ``hint`` what to change. ``checks`` are ids
    of loader checks whose failures this rule reports; ``function`` looks for itself. A rule with
    ``needs_map`` runs only where the memory of the target is known. Thread safety: immutable.
    """

    id: str
    title: str
    severity: Severity
    reason: str
    source: str
    hint: str
    checks: tuple[str, ...] = ()
    function: Callable[[Context], Iterator[Spot]] | None = None
    needs_map: bool = False
