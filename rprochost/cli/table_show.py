# SPDX-License-Identifier: Apache-2.0
"""``rproc table show``: what is in a table, whether or not a loader takes it."""

import argparse
from typing import TYPE_CHECKING

from rprochost.cli.common import EXIT_FAILURE, EXIT_OK, Output, Verb
from rprochost.cli.table_source import MAX_FAULTS, Source, add_source, fault_error, fault_records, read_source

if TYPE_CHECKING:
    from resource_tables.authoring.salvage import Salvage

EXAMPLES = """\
rproc table show firmware.elf
rproc table show --toml firmware.elf
rproc table show --json build/examples/libecho.so"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_source(parser, "file")
    parser.add_argument("--toml", action="store_true", help="as a table.toml, for `rproc table build`")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print the table, then what is wrong with it; 1 when there is anything."""
    from resource_tables.authoring.salvage import salvage

    source = read_source(arguments.file, raw=arguments.raw)
    try:
        found = salvage(source.data)
        text = _toml(source) if arguments.toml else _text(found)
    except ValueError as error:
        # There is nothing to show: the loader's first objection says why.
        if source.faults:
            raise fault_error(source.faults[0], source) from None
        vars(error)["firmware"] = source.name
        raise
    record = {"file": source.name, "table": found.to_json(), "faults": fault_records(source.faults)}
    output.record(record, text)
    output.detail(_place(source))
    if not output.json:
        for fault in source.faults[:MAX_FAULTS]:
            output.error(fault_error(fault, source))
        if len(source.faults) > MAX_FAULTS:
            output.say("there is more wrong with it: `rproc lint` tells all")
    return EXIT_FAILURE if source.faults else EXIT_OK


def _text(found: "Salvage") -> str:
    text = "\n".join(found.lines()).rstrip("\n")
    return text if text or found.view.num else "the table has no entries"


def _toml(source: Source) -> str:
    from resource_tables.authoring.toml_text import dump_toml
    from resource_tables.layout import TableLayout

    return dump_toml(TableLayout.parse(source.data)).rstrip("\n")


def _place(source: Source) -> str:
    if source.section is None:
        return f"{source.name}: {len(source.data)} bytes"
    section = source.section
    place = f"at {section.offset:#x}, in the core's memory at {section.addr:#x}"
    return f"{source.name}: {section.size} bytes {place}"


VERB = Verb("show", "show the resource table of a firmware file", EXAMPLES, configure, run, portable=True)
