# SPDX-License-Identifier: Apache-2.0
"""What an example of a rule is: bytes of which the rule says nothing, and bytes of which it says one thing.

Each module ``examples_*`` of this folder has a tuple ``EXAMPLES``.
"""

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from resource_tables import Report, validate
from resource_tables.lint.profile import Profile
from resource_tables.lint.rules.rule import Severity
from resource_tables.memory_map import MemoryMap

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Example:
    """What a rule says of ``bad``, and only of ``bad``: one finding with this severity and place.

    ``offset`` is a byte in the file. Bytes that begin with the ELF magic are an image, others a table.
    """

    rule: str
    severity: Severity
    entry: int | None
    field: str | None
    offset: int | None
    good: bytes
    bad: bytes
    profile: Profile | str = "linux-6.12"
    memory: MemoryMap | None = None
    raw: bool | None = None
    #: Findings of the rule behind the first one, where one fault shows in several fields.
    more: int = 0

    def report(self, data: bytes) -> Report:
        """Validate for the example's profile."""
        return validate(data, profile=self.profile, memory_map=self.memory, raw=self.raw)


@cache
def all_examples() -> tuple[Example, ...]:
    """Return the examples of all modules, in the order of their names."""
    found: list[Example] = []
    for path in sorted(_FOLDER.glob("examples_*.py")):
        found += importlib.import_module(f"tests.resource_tables.rules.{path.stem}").EXAMPLES
    return tuple(found)
