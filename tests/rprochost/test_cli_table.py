# SPDX-License-Identifier: Apache-2.0
"""``rproc table show``, ``diff`` and ``explain`` as a user meets them, and what all its verbs share."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from resource_tables import ElfImage, ResourceTable, elf_image, emit
from rprochost.cli.parser import build_parser
from rprochost.cli.table import VERB
from tests.resource_tables.strategies import raw_table, raw_trace
from tests.rprochost.conftest import LIMIT
from tests.rprochost.table_files import FAULTY, TABLE, TOML, Run, piped, record


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    """An image with TABLE, which may be executed."""
    file = tmp_path / "fw.elf"
    file.write_bytes(elf_image(TABLE))
    file.chmod(0o755)
    return file


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """TABLE as TOML."""
    file = tmp_path / "table.toml"
    file.write_text(TOML, encoding="utf-8")
    return file


# ---- the group ----


@pytest.mark.parametrize("verb", VERB.verbs, ids=[verb.name for verb in VERB.verbs])
def test_each_verb_has_its_own_help_with_examples_that_parse(run: Run, verb: Any) -> None:
    said = run("rproc", "table", verb.name, "--help")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith(f"usage: rproc table {verb.name} ")
    assert "--json" in said.stdout
    assert verb.examples.splitlines()[0] in said.stdout
    for line in verb.examples.splitlines():
        parsed = build_parser("rproc", "", (VERB,)).parse_args(shlex.split(line)[1:])
        assert parsed.run is verb.run


def test_every_verb_runs_on_any_system() -> None:
    assert all(verb.portable for verb in VERB.verbs)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("fly",),
        ("show",),
        ("show", "a", "b"),
        ("diff", "a"),
        ("build", "a.toml"),
        ("build", "a.toml", "-o", "a.xyz"),
        ("build", "a.toml", "-o", "-"),
        ("build", "a.toml", "-o", "-", "--format", "c", "--json"),
        ("build", "a.toml", "-o", "a.bin", "--symbol", "x"),
        ("edit", "a.elf", "-o", "b.elf"),
        ("edit", "a.elf", "--set", "ver=1"),
        ("edit", "a.elf", "--set", "ver=1", "-o", "b", "--in-place"),
        ("edit", "a.toml", "--set", "ver=1", "--in-place"),
        ("edit", "-", "--set", "ver=1", "--in-place"),
    ],
)
def test_wrong_use_exits_2_and_writes_nothing(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    said = run("rproc", "table", *words)
    assert (said.returncode, said.stdout) == (2, "")
    assert "rproc" in said.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_verb_loads_numpy_or_a_compiled_module(tmp_path: Path, firmware: Path, toml: Path) -> None:
    code = (
        "import sys\n"
        "from rprochost.cli import main\n"
        f"fw, toml, out = {str(firmware)!r}, {str(toml)!r}, {str(tmp_path)!r}\n"
        "main(['table', 'show', fw])\n"
        "main(['table', 'diff', fw, toml])\n"
        "main(['table', 'explain', fw])\n"
        "main(['table', 'build', toml, '-o', out + '/t.c'])\n"
        "main(['table', 'edit', fw, '--set', 'ver=1', '-o', out + '/o.elf'])\n"
        "heavy = {'numpy', '_rproc', '_cffi_backend', 'cffi', 'virtio', 'rpmsg', 'rproc', 'cores'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=LIMIT)
    assert (tmp_path / "t.c").exists()
    assert (tmp_path / "o.elf").exists()


# ---- show ----


def test_a_bare_table_is_shown_by_its_ending_with_raw_or_from_a_pipe(run: Run, tmp_path: Path) -> None:
    for name, options in (("table.bin", ()), ("table.dat", ("--raw",))):
        file = tmp_path / name
        file.write_bytes(emit(TABLE))
        said = run("rproc", "table", "show", str(file), *options)
        assert (said.returncode, said.stderr) == (0, "")
        assert "Name trace0" in said.stdout
    for data in (emit(TABLE), elf_image(TABLE), TOML.encode()):
        assert b"Name trace0" in piped(data, "show", "-").stdout


def test_a_file_that_is_neither_is_not_taken_for_a_table(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "table.dat"
    file.write_bytes(emit(TABLE))
    said = run("rproc", "table", "show", str(file))
    assert said.returncode == 1
    assert "bad magic" in said.stderr
    assert "A bare table needs --raw." in said.stderr


def test_a_table_is_shown_as_toml_that_builds_it_again(run: Run, firmware: Path) -> None:
    said = run("rproc", "table", "show", "--toml", str(firmware))
    assert (said.returncode, said.stdout) == (0, TOML)


def test_a_record_has_the_keys_of_toml_and_where_things_lie(run: Run, firmware: Path) -> None:
    values = record(run("rproc", "table", "show", "--json", str(firmware)))
    assert (values["file"], values["faults"]) == (str(firmware), [])
    vdev, trace = values["table"]["entry"]
    assert (values["table"]["size"], vdev["offset"], trace["offset"]) == (140, 24, 92)
    assert vdev["vring"][0] == {"da": "any", "align": 4096, "num": 16, "notifyid": 0, "pa": 0}


def test_the_table_of_a_record_is_that_of_the_linters_report(run: Run, firmware: Path) -> None:
    shown = record(run("rproc", "table", "show", "--json", str(firmware)))["table"]
    checked = json.loads(run("rproc", "lint", "--json", str(firmware)).stdout)["files"][0]["table"]
    assert shown == checked


@pytest.mark.parametrize("raw", [False, True], ids=["image", "bare"])
def test_of_a_faulty_table_all_that_can_be_read_is_shown_and_what_is_wrong(
    run: Run, tmp_path: Path, raw: bool
) -> None:
    file = tmp_path / ("bad.bin" if raw else "bad.elf")
    file.write_bytes(FAULTY if raw else elf_image(FAULTY))
    said = run("rproc", "table", "show", str(file))
    assert said.returncode == 1
    assert "Entry 0 is of type vdev" in said.stdout
    assert "Cannot be read: entry 1 at offset 0x5c needs 48 bytes, 40 are there" in said.stdout
    faults = [line for line in said.stderr.splitlines() if line.startswith(f"rproc: {file}: ")]
    assert [line.removeprefix(f"rproc: {file}: ") for line in faults] == [
        "unsupported fw ver: 2",
        "entry 0: invalid qsz (0) or alignment (16)",
        "entry 1: trace rsc is truncated",
    ]
    values = record(run("rproc", "table", "show", "--json", str(file)))
    assert [(fault["rule"], fault["entry"]) for fault in values["faults"]] == [
        ("table-version", None),
        ("vring-empty", 0),
        ("trace-size", 1),
    ]
    assert values["table"]["entry"][1]["offset"] == 92
    assert "needs 48 bytes" in values["table"]["entry"][1]["unreadable"]


def test_of_many_faults_the_first_are_told(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.bin"
    file.write_bytes(raw_table(*[raw_trace(reserved=1)] * 50))
    said = run("rproc", "table", "show", str(file))
    assert said.stderr.count("non zero reserved") == 20
    assert "`rproc lint` tells all" in said.stdout


def test_a_table_without_entries_says_so(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "empty.elf"
    file.write_bytes(elf_image(ResourceTable()))
    said = run("rproc", "table", "show", str(file))
    assert (said.returncode, said.stdout) == (0, "the table has no entries\n")
    assert run("rproc", "table", "show", "--toml", str(file)).stdout == "\n"


def test_nothing_to_show_is_the_loaders_first_objection(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "short.bin"
    file.write_bytes(b"\1\0\0\0")
    said = run("rproc", "table", "show", str(file))
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith(f"rproc: {file}: header-less resource table\n")


def test_details_say_where_the_table_lies(run: Run, firmware: Path) -> None:
    said = run("rproc", "table", "show", "-v", str(firmware))
    section = ElfImage.parse(firmware.read_bytes()).table_section
    assert section is not None
    place = f"140 bytes at {section.offset:#x}, in the core's memory at {section.addr:#x}"
    assert said.stderr == f"{firmware}: {place}\n"


@pytest.mark.parametrize("kind", ["directory", "missing", "nul"])
def test_a_file_that_cannot_be_read_is_named(run: Run, tmp_path: Path, kind: str) -> None:
    file = {"directory": tmp_path, "missing": tmp_path / "none", "nul": tmp_path / "n" / "one.elf"}[kind]
    said = run("rproc", "table", "show", str(file))
    assert said.returncode == 1
    assert said.stderr.startswith(f"rproc: {file}: ")
    assert "Traceback" not in said.stderr


# ---- diff ----


def test_tables_that_say_the_same_differ_in_nothing(
    run: Run, tmp_path: Path, firmware: Path, toml: Path
) -> None:
    said = run("rproc", "table", "diff", str(firmware), str(toml))
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    loose = tmp_path / "loose.bin"
    loose.write_bytes(emit(TABLE) + bytes(100))
    said = run("rproc", "table", "diff", str(firmware), str(loose))
    assert said.returncode == 0
    assert said.stdout == "both say the same, in 140 and 240 bytes that are laid out differently\n"
    values = record(run("rproc", "table", "diff", "--json", str(firmware), str(loose)))
    assert (values["same"], values["same_bytes"], values["differences"]) == (True, False, [])


def test_each_difference_has_a_line_and_the_exit_code_is_1(run: Run, tmp_path: Path, firmware: Path) -> None:
    other = tmp_path / "other.toml"
    text = TOML.replace("num = 16", "num = 64", 1).replace("len = 0x100", "len = 0x200")
    other.write_text(text + '[[entry]]\ntype = "carveout"\nname = "new"\nlen = 1\n', encoding="utf-8")
    said = run("rproc", "table", "diff", str(firmware), str(other))
    assert (said.returncode, said.stderr) == (1, "")
    assert said.stdout.splitlines() == [
        "changed  vdev0 vring0.num: 16 -> 64",
        'changed  trace0 "trace0" len: 0x100 -> 0x200',
        'added    carveout0 "new": entry 2',
    ]
    values = record(run("rproc", "table", "diff", "--json", str(other), str(firmware)))
    assert [one["kind"] for one in values["differences"]] == ["removed", "changed", "changed"]
    assert (
        values["differences"][1] | {"entry": "vdev0", "field": "vring0.num", "old": 64, "new": 16}
        == (values["differences"][1])
    )


def test_a_table_that_cannot_be_compared_says_what_shows_it(run: Run, tmp_path: Path, firmware: Path) -> None:
    bad = tmp_path / "bad.bin"
    bad.write_bytes(FAULTY)
    said = run("rproc", "table", "diff", str(firmware), str(bad))
    assert (said.returncode, said.stdout) == (1, "")
    assert f"hint: rproc table show {bad}" in said.stderr


# ---- explain ----


def test_every_field_is_explained_with_its_writer_and_step(run: Run, firmware: Path) -> None:
    said = run("rproc", "table", "explain", str(firmware))
    assert (said.returncode, said.stderr) == (0, "")
    lines = [line.split() for line in said.stdout.splitlines()]
    assert ["vring0.da", "any", "host", "probe"] in [line[:4] for line in lines]
    assert ["gfeatures", "0x0", "virtio", "driver", "probe"] in [line[:5] for line in lines]
    assert "DRIVER_OK (4)" in said.stdout
    assert max(map(len, said.stdout.splitlines()[1:])) <= 110
    assert (
        "DRIVER_OK (4)" not in run("rproc", "table", "explain", "-q", str(firmware)).stdout.split("\n\n")[-1]
    )


def test_an_explanation_for_programs_has_every_field(run: Run, firmware: Path) -> None:
    values = record(run("rproc", "table", "explain", "--json", str(firmware)))
    fields = {f"{one['label']}.{one['field']}": one for one in values["fields"]}
    assert fields["vdev0.vring1.notifyid"]["writer"] == "host"
    assert fields["vdev0.vring1.notifyid"]["step"] in values["steps"]
    assert fields["trace0.len"]["value"] == 256
    section = ElfImage.parse(firmware.read_bytes()).table_section
    assert section is not None
    assert (values["table_at"], values["loaded_at"]) == (section.offset, section.addr)
