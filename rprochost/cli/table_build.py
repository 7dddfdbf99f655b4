# SPDX-License-Identifier: Apache-2.0
"""``rproc table build``: a table as C, assembler, bytes or TOML, made of any of those or of a firmware."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rprochost.cli.common import EXIT_OK, Output, UsageError, Verb
from rprochost.cli.table_diff import layout_of
from rprochost.cli.table_source import (
    STDIN,
    add_source,
    check_output,
    fault_records,
    read_source,
    write_result,
)

if TYPE_CHECKING:
    from resource_tables.layout import TableLayout

EXAMPLES = """\
rproc table build table.toml -o table.c
rproc table build table.toml -o table.S --symbol rsc_table
rproc table build firmware.elf -o table.toml
rproc table build table.toml -o - --format bin"""

FORMATS = {".c": "c", ".s": "asm", ".asm": "asm", ".bin": "bin", ".toml": "toml"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_source(parser, "source")
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, help='.c, .S, .bin or .toml, or "-" with --format'
    )
    parser.add_argument(
        "--format", choices=sorted(set(FORMATS.values())), help="what to make, whatever FILE is called"
    )
    parser.add_argument(
        "--symbol", metavar="NAME", help="name of the table in C and assembler (resource_table)"
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Write the table; a loader's objections to it are told, and are no failure."""
    form = _format(arguments)
    source = read_source(arguments.source, raw=arguments.raw)
    layout = layout_of(source)
    data = _made(layout, form, arguments.symbol)
    write_result(arguments.output, data)
    if arguments.output == STDIN:
        return EXIT_OK
    record = {
        "source": source.name,
        "file": arguments.output,
        "format": form,
        "size": layout.size,
        "entries": len(layout.offsets),
        "faults": fault_records(source.faults),
    }
    output.record(record)
    output.say(f"{arguments.output}: a table of {layout.size} bytes, {len(layout.offsets)} entries")
    if source.faults:
        output.say(f"  a loader will refuse it: {source.faults[0].message} (`rproc table show` says more)")
    return EXIT_OK


def _format(arguments: argparse.Namespace) -> str:
    check_output(arguments)
    form = arguments.format or FORMATS.get(Path(arguments.output).suffix.lower())
    if form is None:
        error = UsageError(f"{arguments.output}: its ending does not say what to make")
        error.hint = "end it in .c, .S, .bin or .toml, or say --format"
        raise error
    if arguments.symbol is not None and form not in ("c", "asm"):
        raise UsageError("--symbol goes with C and assembler")
    if arguments.output != STDIN and _is_same(arguments.source, arguments.output):
        raise UsageError(f"{arguments.output} is what the table is read from")
    return str(form)


def _is_same(source: Path, output: str) -> bool:
    try:
        return source.samefile(output)
    except OSError:
        return False


def _made(layout: "TableLayout", form: str, symbol: str | None) -> bytes:
    from resource_tables.authoring import source_text, toml_text

    if form == "bin":
        return layout.emit()
    if form == "toml":
        return toml_text.dump_toml(layout).encode()
    make = source_text.c_source if form == "c" else source_text.assembler_source
    return make(layout, symbol or source_text.SYMBOL).encode()


VERB = Verb("build", "make C, assembler, bytes or TOML of a table", EXAMPLES, configure, run, portable=True)
