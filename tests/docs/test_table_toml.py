# SPDX-License-Identifier: Apache-2.0
"""The page on table.toml: its example builds, its commands run, its keys are those of the code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from resource_tables import Carveout, Devmem, Trace, Vdev, Vring, check_table, elf_image
from resource_tables.authoring.toml_text import dump_toml, load_toml
from resource_tables.fields import FIELDS, HEADER_FIELDS, VRING_FIELDS, Field
from resource_tables.layout import TableLayout
from tests.resource_tables.test_firmware_layouts import ACCEPTED

PAGE = Path(__file__).resolve().parents[2] / "docs" / "table-toml.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```toml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
#: What is no number has no field in the list.
NOT_NUMBERS = {"The table": {"size", "entry", "slack"}, "Vdev": {"config", "vring"}}


def keys(heading: str) -> dict[str, str]:
    """Return the keys of a section's table and what they are when they are left out."""
    part = TEXT.split(f"\n### {heading}\n", 1)[1].split("\n#", 1)[0]
    return dict(re.findall(r"^\| `(\w+)` \| .* \| ([^|]+) \|$", part, re.MULTILINE))


def usual(field: Field) -> str:
    """Return what the page has to say for a field that is left out."""
    if field.default is None:
        return "must be said"
    shown = field.show(field.default)
    return f'"{shown}"' if isinstance(shown, str) else str(shown)


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("The table", HEADER_FIELDS),
        ("Carveout", FIELDS[Carveout]),
        ("Devmem", FIELDS[Devmem]),
        ("Trace", FIELDS[Trace]),
        ("Vdev", FIELDS[Vdev]),
        ("Vring", VRING_FIELDS),
    ],
)
def test_the_keys_and_what_they_are_when_left_out_are_those_of_the_code(
    heading: str, fields: tuple[Field, ...]
) -> None:
    told = keys(heading)
    expected = {field.name: usual(field) for field in fields if not field.counts}
    others = NOT_NUMBERS.get(heading, set() if heading == "Vring" else {"name"})
    assert told.keys() == expected.keys() | others
    assert {key: told[key] for key in expected} == expected


def test_the_keys_that_cannot_be_said_are_those_that_the_code_counts() -> None:
    counted = {field.name for fields in (HEADER_FIELDS, *FIELDS.values()) for field in fields if field.counts}
    part = TEXT.split("\n## What cannot be said\n", 1)[1].split("\n## ", 1)[0]
    assert counted == set(re.findall(r"`(\w+)`", part.split(" follow from ")[0]))


def test_the_example_is_a_table_that_linux_takes() -> None:
    layout = load_toml(BLOCKS[0])
    assert check_table(layout.emit()) == ()
    kinds = [type(entry) for entry in layout.table.entries]
    assert kinds == [Carveout, Carveout, Trace, Vdev]
    assert layout.table.vdevs[0].vrings == (Vring(num=16, align=4096), Vring(num=16, align=4096))


def test_the_table_of_a_vendor_is_the_one_that_is_known() -> None:
    assert dump_toml(TableLayout.parse(ACCEPTED["Allwinner E907"][0])) == BLOCKS[1]


def test_the_commands_run(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    (tmp_path / "table.toml").write_text(BLOCKS[0], encoding="utf-8")
    (tmp_path / "firmware.elf").write_bytes(elf_image(load_toml(BLOCKS[0]).emit()))
    commands = re.findall(r"^```sh\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    assert len(commands) == 2
    for text in commands:
        done = subprocess.run(
            ["sh", "-ec", text],
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
    compile_ = ["gcc", "-Wall", "-Werror", "-shared", "table.c", "-o", "table.so"]
    subprocess.run(compile_, cwd=tmp_path, check=True, timeout=60)
