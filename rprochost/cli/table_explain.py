# SPDX-License-Identifier: Apache-2.0
"""``rproc table explain``: who writes which field of a table, and when."""

import argparse
from dataclasses import asdict
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

from rprochost.cli.common import EXIT_OK, Output, Verb
from rprochost.cli.table_diff import layout_of
from rprochost.cli.table_source import Source, add_source, read_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resource_tables.authoring.ownership import Owned

EXAMPLES = """\
rproc table explain firmware.elf
rproc table explain --json firmware.elf"""

#: Width of the remarks in characters.
_REMARK = 46
_ADVICE = """\
A core reads vring da and gfeatures when status has DRIVER_OK (4), not before: until then they are what the
image says. After a stop the host's copy has da 0 and notifyid 0xffffffff for each vring. A host that attaches
to a running core has no copy: each of its writes is seen at once."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_source(parser, "file")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print every field with its value, its writer, the step of the boot, and a remark."""
    from resource_tables.authoring.ownership import STEPS, ownership

    source = read_source(arguments.file, raw=arguments.raw)
    fields = ownership(layout_of(source))
    record: dict[str, object] = {
        "file": source.name,
        "fields": [asdict(field) for field in fields],
        "steps": STEPS,
    }
    if source.section is not None:
        record |= {"table_at": source.section.offset, "loaded_at": source.section.addr}
    output.record(record, "\n".join(_lines(source, fields)))
    width = max(map(len, STEPS))
    steps = "\n".join(f"  {name:<{width}}  {text}" for name, text in STEPS.items())
    output.say(f"\nSteps of the boot, in their order:\n{steps}\n\n{_ADVICE}")
    return EXIT_OK


def _lines(source: Source, fields: "tuple[Owned, ...]") -> list[str]:
    from rprochost.text import table

    lines = [f"{source.name}: a table of {len(source.data)} bytes{_place(source)}"]
    header = ("field", "value", "written by", "step", "remark")
    for (entry, label), group in groupby(fields, lambda field: (field.entry, field.label)):
        rows = [row for field in group for row in _rows(field)]
        lines += ["", "header" if entry is None else f"{label}, entry {entry}", *table(header, rows)]
    return lines


def _rows(field: "Owned") -> "Iterator[tuple[str, ...]]":
    from resource_tables.fields import value_text

    first, *more = wrap(field.remark, _REMARK)
    yield field.field, value_text(field.field, field.value), field.writer, field.step, first
    for line in more:
        yield "", "", "", "", line


def _place(source: Source) -> str:
    if source.section is None:
        return ""
    return f" at {source.section.offset:#x} in the file, at {source.section.addr:#x} in the core's memory"


VERB = Verb("explain", "tell who writes which field, and when", EXAMPLES, configure, run, portable=True)
