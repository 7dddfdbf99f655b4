# SPDX-License-Identifier: Apache-2.0
"""Reports in the forms that people and their tools read; the ``render`` of each module makes one document.

All of them take results one by one and keep of each what they print: a list of images is never in memory.
Names and messages come from files; no form lets them end a line, an element or a string.
"""

from resource_tables.errors import UnreadableError
from resource_tables.lint.finding import Report

__all__ = ["Result"]

#: What there is to say of one file and one profile: a report, or why the file could not be read.
Result = Report | UnreadableError
