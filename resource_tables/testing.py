# SPDX-License-Identifier: Apache-2.0
"""The validator inside a test suite.

::

    from resource_tables.testing import assert_firmware_valid

    def test_the_image_boots() -> None:
        assert_firmware_valid("build/fw.elf", profile="linux-6.12", memory_map="board.toml")
"""

import os

from resource_tables.lint.finding import Report
from resource_tables.lint.profile import Profile
from resource_tables.lint.reports.text import render
from resource_tables.lint.rules.rule import Severity
from resource_tables.lint.validator import validate
from resource_tables.memory_map import MemoryMap


def assert_firmware_valid(
    source: str | os.PathLike[str] | bytes,
    *,
    profile: Profile | str | os.PathLike[str] | None = None,
    memory_map: MemoryMap | str | os.PathLike[str] | None = None,
    fail_on: Severity | str = "error",
) -> Report:
    """Fail the test when a finding is as bad as ``fail_on``; what fails it is the report as text.

    The arguments are those of :func:`resource_tables.validate`, ``fail_on`` is "error", "warning" or "info".
    Returns the report, for a test that expects more. Raises AssertionError, and what ``validate`` raises for
    a file, a profile or a memory map that cannot be read. Thread safety: any thread.
    """
    # pytest then shows the line of the test, not this one.
    __tracebackhide__ = True
    limit = fail_on if isinstance(fail_on, Severity) else Severity.parse(fail_on)
    report = validate(source, profile=profile, memory_map=memory_map)
    if report.worst is not None and report.worst >= limit:
        raise AssertionError(f"{report.path} has findings:\n{render([report])}")
    return report
