# SPDX-License-Identifier: Apache-2.0
"""``rproc table show``: the resource table of a firmware file, without running it."""

import argparse
from pathlib import Path

from rprochost.cli.common import EXIT_OK, Output, Verb

EXAMPLES = """\
rproc table show firmware.elf
rproc table show --json build/examples/libecho.so"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("action", choices=["show"], help="what to do with the table")
    parser.add_argument("file", type=Path, metavar="FILE", help="an ELF file with a section .resource_table")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print the table, as text or as an object."""
    from resource_tables import ElfImage, check_image, check_table, parse, render_text, to_json

    file: Path = arguments.file
    try:
        image = ElfImage.parse(file.read_bytes())
        check_image(image)
        data = image.table_bytes or b""
        check_table(data)
        table = parse(data)
    except (OSError, ValueError) as error:
        vars(error).setdefault("firmware", str(file))
        raise
    output.record({"file": str(file), "table": to_json(table)}, render_text(table).rstrip("\n"))
    return EXIT_OK


VERB = Verb("table", "show the resource table of a firmware file", EXAMPLES, configure, run)
