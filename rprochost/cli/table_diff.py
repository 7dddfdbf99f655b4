# SPDX-License-Identifier: Apache-2.0
"""``rproc table diff``: what one table says that another does not."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from rprochost.cli.common import EXIT_FAILURE, EXIT_OK, Output, Verb
from rprochost.cli.table_source import Source, add_source, read_source

if TYPE_CHECKING:
    from resource_tables.authoring.diff import Difference
    from resource_tables.fields import Value
    from resource_tables.layout import TableLayout

EXAMPLES = """\
rproc table diff old.elf new.elf
rproc table diff table.toml build/firmware.elf"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_source(parser, "old", "new")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print the differences; 1 when there are any."""
    from resource_tables.authoring.diff import diff

    sources = [read_source(path, raw=arguments.raw) for path in (arguments.old, arguments.new)]
    old, new = (layout_of(source) for source in sources)
    found = diff(old.table, new.table)
    record = {
        "old": sources[0].name,
        "new": sources[1].name,
        "same": not found,
        "same_bytes": sources[0].data == sources[1].data,
        "differences": [asdict(one) for one in found],
    }
    output.record(record, "\n".join(map(_line, found)) or None)
    if not found and sources[0].data != sources[1].data:
        output.say(f"both say the same, in {old.size} and {new.size} bytes that are laid out differently")
    return EXIT_FAILURE if found else EXIT_OK


def layout_of(source: Source) -> "TableLayout":
    """Return the table of a source; the error of one that cannot be read names the file."""
    from resource_tables.errors import TableError
    from resource_tables.layout import TableLayout

    try:
        return TableLayout.parse(source.data)
    except TableError as error:
        error.hint = f"rproc table show {source.name} shows what can be read of it"
        vars(error)["firmware"] = source.name
        raise


def _line(one: "Difference") -> str:
    if one.kind == "changed":
        place = " ".join(part for part in (one.entry, one.field) if part)
        return f"changed  {place}: {_value(one.field, one.old)} -> {_value(one.field, one.new)}"
    if one.kind == "moved":
        return f"moved    {one.entry}: entry {one.old_index} -> {one.new_index}"
    index = one.old_index if one.new_index is None else one.new_index
    return f"{one.kind:<7}  {one.entry}: entry {index}"


def _value(path: str, value: "Value | None") -> str:
    from resource_tables.fields import value_text

    return "none" if value is None else value_text(path, value)


VERB = Verb("diff", "compare two resource tables", EXAMPLES, configure, run, portable=True)
