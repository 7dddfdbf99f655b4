# SPDX-License-Identifier: Apache-2.0
"""A report as one JSON object; its form is ``docs/lint.schema.json``."""

import json
from collections.abc import Iterable

from resource_tables.errors import UnreadableError
from resource_tables.lint.reports import Result

#: Version of the form: it changes when a key changes its meaning or goes away.
SCHEMA = 1


def render(results: Iterable[Result]) -> str:
    """Return the object on one line of ASCII. Thread safety: any thread."""
    files: list[object] = []
    errors: list[object] = []
    for result in results:
        if isinstance(result, UnreadableError):
            errors.append({"path": result.path, "errno": result.errno, "message": result.reason})
        else:
            files.append(result.to_json())
    return json.dumps({"schema": SCHEMA, "files": files, "errors": errors}) + "\n"
