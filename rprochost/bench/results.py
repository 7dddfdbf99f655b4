# SPDX-License-Identifier: Apache-2.0
"""Results of a run: in memory, and as a JSON file that a later run compares itself with."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from rprochost.bench.case import Result
from rprochost.bench.options import Options
from rprochost.bench.suite import Found

SCHEMA = 1
#: Levels of the file that have a line for each member: the whole, suites, a suite, its cases.
_DEPTH = 4


class ResultsError(ValueError):
    """A file that does not hold results. Thread safety: immutable."""

    hint = "give the JSON file that `rpmsg bench --output FOLDER` has written"


@dataclass(slots=True)
class Results:
    """What a run found, suite by suite. Thread safety: none; the caller serialises."""

    facts: dict[str, Any]
    options: dict[str, Any]
    #: When it began, as ISO 8601.
    time: str
    suites: dict[str, Found] = field(default_factory=dict)

    def find(self, name: str) -> Result | None:
        """Return the result of "SUITE/CASE", None when it was not measured."""
        suite, _, case = name.partition("/")
        found = self.suites.get(suite)
        return next((one for one in found.results if one.id == case), None) if found else None

    def figure(self, name: str) -> float | None:
        """Return the figure "SUITE/NAME", None when it was not measured."""
        suite, _, figure = name.partition("/")
        found = self.suites.get(suite)
        return found.figures.get(figure) if found else None

    def cases(self) -> Iterator[tuple[str, Result]]:
        """Yield every result with its name "SUITE/CASE"."""
        for suite, found in self.suites.items():
            yield from ((f"{suite}/{result.id}", result) for result in found.results)

    def to_json(self) -> dict[str, Any]:
        """Return an object for json.dump."""
        return {
            "schema": SCHEMA,
            "time": self.time,
            "facts": self.facts,
            "options": self.options,
            "suites": {name: found.to_json() for name, found in self.suites.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_json` made; ResultsError for something else."""
        try:
            if values["schema"] != SCHEMA:
                raise ResultsError(f"results of schema {values['schema']!r}, not {SCHEMA}")
            suites = {name: Found.from_json(found) for name, found in values["suites"].items()}
            return cls(dict(values["facts"]), dict(values["options"]), str(values["time"]), suites)
        except ResultsError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ResultsError(f"results that miss something: {error!r}") from error

    def save(self, file: Path) -> None:
        """Write the file, one line for each case, so that two of them can be told apart by diff; OSError."""
        file.write_text(_pretty(self.to_json(), _DEPTH) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a file; OSError, ResultsError with its name."""
        try:
            return cls.from_json(json.loads(file.read_text(encoding="utf-8")))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ResultsError(f"{file}: not JSON: {error}") from None
        except ResultsError as error:
            raise ResultsError(f"{file}: {error}") from None


def _pretty(value: Any, depth: int, indent: str = "") -> str:
    """Return JSON whose outer ``depth`` levels have a line for each member."""
    inner = indent + " "
    if depth > 0 and isinstance(value, dict) and value:
        members = (f"{json.dumps(key)}: {_pretty(one, depth - 1, inner)}" for key, one in value.items())
    elif depth > 0 and isinstance(value, list) and value and isinstance(value[0], dict):
        members = (_pretty(one, depth - 1, inner) for one in value)
    else:
        return json.dumps(value, ensure_ascii=False)
    brackets = "{}" if isinstance(value, dict) else "[]"
    joined = f",\n{inner}".join(members)
    return f"{brackets[0]}\n{inner}{joined}\n{indent}{brackets[1]}"


def options_to_json(options: Options) -> dict[str, Any]:
    """Return the options as plain values; where the programs lie is nobody's business elsewhere.

    Thread safety: any thread.
    """
    values = asdict(options)
    del values["programs"]
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain
