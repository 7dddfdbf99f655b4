# SPDX-License-Identifier: Apache-2.0
"""What a check is and what it reports.

A check looks at one subject (a file header, a segment, one entry, …) and returns None or a
:class:`Violation`. It carries Linux's errno, log line and place, so that the loader can fail like the kernel
and a report can say why.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from resource_tables.errors import LoaderError

#: A conversion of printf, with the C length modifiers that Python's own formatting does not know.
_CONVERSION = re.compile(r"%(?:ll|l|z)?([xud])")


def _printk(log: str, args: tuple[int, ...]) -> str:
    """Fill in a log line as C does: the kernel shows its u32 fields with %d, large ones as negative."""
    kinds = _CONVERSION.findall(log)
    shown = (
        (value ^ 1 << 31) - (1 << 31) if kind == "d" else value
        for kind, value in zip(kinds, args, strict=True)
    )
    return _CONVERSION.sub(r"%\1", log) % tuple(shown)


@dataclass(frozen=True, slots=True)
class Violation:
    """What one check found: where, and the values for its log line.

    Thread safety: immutable.
    """

    offset: int | None = None
    args: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule.

    ``log`` is Linux's format string, or None where the kernel fails without a word. ``kernel`` is False for
    a rule of ours that Linux does not have. ``swallowed`` is True where Linux logs the failure, leaves the
    device out and boots on. ``gate`` is True when a failure leaves nothing for the later checks of the same
    subject to look at. ``requires`` says the rule in words.

    Thread safety: immutable.
    """

    id: str
    errno: int
    log: str | None
    source: str
    applies_to: str
    requires: str
    hint: str
    function: Callable[[Any], Violation | None]
    kernel: bool = True
    swallowed: bool = False
    gate: bool = False

    def apply(self, subject: Any) -> "Failure | None":
        """Look at ``subject``, which must be of the kind ``applies_to`` names."""
        violation = self.function(subject)
        return None if violation is None else Failure(check=self, violation=violation, subject=subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A check that did not pass.

    Thread safety: immutable.
    """

    check: Check
    violation: Violation
    subject: Any

    @property
    def offset(self) -> int | None:
        """Byte in the file (image checks) or in the table (table checks)."""
        return self.violation.offset

    @property
    def log(self) -> str | None:
        """Linux's log line with its values filled in."""
        if self.check.log is None:
            return None
        return _printk(self.check.log, self.violation.args)

    @property
    def message(self) -> str:
        """The log line, or what is needed where Linux says nothing."""
        return self.log if self.log is not None else f"needs: {self.check.requires}"

    def error(self) -> LoaderError:
        """Return the exception that says the same."""
        return LoaderError(
            self.check.errno,
            self.message,
            rule=self.check.id,
            source=self.check.source,
            log=self.log,
            offset=self.offset,
            hint=self.check.hint,
        )
