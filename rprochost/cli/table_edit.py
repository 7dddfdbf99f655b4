# SPDX-License-Identifier: Apache-2.0
"""``rproc table edit``: change fields of a table where they lie in a firmware file."""

import argparse
from dataclasses import asdict
from pathlib import Path

from rprochost.cli.common import EXIT_OK, Output, UsageError, Verb
from rprochost.cli.table_source import (
    STDIN,
    add_source,
    check_output,
    fault_records,
    naming,
    read_bytes,
    source_of,
    write_result,
)

EXAMPLES = """\
rproc table edit fw.elf --set vdev0.vring0.num=64 --set vdev0.vring1.num=64 -o out.elf
rproc table edit fw.elf --set trace0.da=0x10020000 --in-place
rproc table edit fw.elf --set vdev0buffer.len=0x100000 -o out.elf"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_source(parser, "file")
    parser.add_argument(
        "--set",
        action="append",
        required=True,
        metavar="PATH=VALUE",
        dest="settings",
        help="a field of an entry by kind and number (vdev0), place (entry3) or name; may be repeated",
    )
    goal = parser.add_mutually_exclusive_group(required=True)
    goal.add_argument("-o", "--output", metavar="FILE", help='where the result goes; "-" for standard output')
    goal.add_argument("--in-place", action="store_true", help="replace FILE, as a whole or not at all")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Write the changed file; everything outside the fields that were set is as it was."""
    from resource_tables.authoring.edit import edit
    from resource_tables.fields import value_text

    goal = _goal(arguments)
    file: Path = arguments.file
    data = read_bytes(file)
    before = source_of(file, data, raw=arguments.raw)
    with naming(file):
        edited = edit(data, arguments.settings, raw=before.section is None)
    _write(file, goal, edited.data)
    if goal == STDIN:
        return EXIT_OK
    known = {(fault.check.id, fault.offset) for fault in before.faults}
    faults = [
        fault
        for fault in source_of(file, edited.data, raw=arguments.raw).faults
        if (fault.check.id, fault.offset) not in known
    ]
    changes = [asdict(change) for change in edited.changes]
    output.record(
        {"file": str(file), "output": goal, "changes": changes, "new_faults": fault_records(faults)}
    )
    for change in edited.changes:
        old, new = (value_text(change.path, value) for value in (change.old, change.new))
        output.say(f"{goal}: {change.path}: {old} -> {new}")
    if faults:
        output.say(f"  a loader will refuse it now: {faults[0].message} (`rproc table show` says more)")
    return EXIT_OK


def _goal(arguments: argparse.Namespace) -> str:
    """Return where the result goes, after all that can be wrong with the command line."""
    check_output(arguments)
    if arguments.file.suffix == ".toml":
        raise UsageError(f"{arguments.file}: a TOML file is changed with a text editor")
    if arguments.in_place and str(arguments.file) == STDIN:
        raise UsageError("standard input cannot be replaced: name a file with -o")
    return str(arguments.file) if arguments.in_place else str(arguments.output)


def _write(file: Path, goal: str, data: bytes) -> None:
    is_new = goal != STDIN and not Path(goal).exists()
    write_result(goal, data)
    if is_new and str(file) != STDIN:
        # A firmware that can be executed, such as a process core, stays so.
        Path(goal).chmod(file.stat().st_mode)


VERB = Verb("edit", "change fields of a table in place", EXAMPLES, configure, run, portable=True)
