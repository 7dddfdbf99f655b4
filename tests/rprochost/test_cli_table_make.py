# SPDX-License-Identifier: Apache-2.0
"""``rproc table build`` and ``edit`` as a user meets them: on files, on pipes, and through a compiler."""

import stat
import subprocess
from pathlib import Path

import pytest

from resource_tables import ElfImage, elf_image, emit, parse
from tests.rprochost.conftest import LIMIT
from tests.rprochost.table_files import TABLE, TOML, Run, piped, record


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


# ---- build ----


def test_a_table_is_built_by_the_ending_of_the_file(run: Run, tmp_path: Path, toml: Path) -> None:
    for name, starts in (("t.c", "/*"), ("t.S", "/*"), ("t.toml", "[[entry]]")):
        target = tmp_path / name
        said = run("rproc", "table", "build", str(toml), "-o", str(target))
        assert (said.returncode, said.stderr) == (0, "")
        assert said.stdout == f"{target}: a table of 140 bytes, 2 entries\n"
        assert target.read_text(encoding="ascii").startswith(starts)
    assert (tmp_path / "t.toml").read_text() == TOML
    target = tmp_path / "t.bin"
    values = record(run("rproc", "table", "build", "--json", str(toml), "-o", str(target)))
    assert target.read_bytes() == emit(TABLE)
    assert {
        "file": str(target),
        "format": "bin",
        "size": 140,
        "entries": 2,
        "faults": [],
    }.items() <= values.items()


def test_a_table_goes_round_through_files_and_a_compiler(run: Run, tmp_path: Path, firmware: Path) -> None:
    for step in ("fw.elf a.toml", "a.toml b.S", "a.toml c.c", "a.toml d.bin", "d.bin e.toml"):
        source, target = (str(tmp_path / name) for name in step.split())
        said = run("rproc", "table", "build", source, "-o", target)
        assert said.returncode == 0, said.stderr
    assert (tmp_path / "a.toml").read_text() == (tmp_path / "e.toml").read_text() == TOML
    for name in ("b.S", "c.c"):
        image = str(tmp_path / f"{name}.so")
        # A shared object, because an object file has no program headers and is no image.
        words = ["gcc", "-shared", "-nostdlib", "-fPIC", str(tmp_path / name), "-o", image]
        subprocess.run(words, check=True, timeout=LIMIT)
        said = run("rproc", "table", "diff", "--json", str(firmware), image)
        assert record(said)["same_bytes"]


def test_a_pipe_takes_and_gives_a_table(toml: Path) -> None:
    built = piped(TOML.encode(), "build", "-", "-o", "-", "--format", "bin")
    assert (built.returncode, built.stdout, built.stderr) == (0, emit(TABLE), b"")
    back = piped(built.stdout, "build", "-", "-o", "-", "--format", "toml")
    assert (back.returncode, back.stdout) == (0, TOML.encode())
    source = piped(elf_image(TABLE), "build", "-", "-o", "-", "--format", "c", "--symbol", "rsc_table")
    assert b"struct rsc_table rsc_table = {" in source.stdout


def test_a_table_that_a_loader_refuses_is_built_and_that_is_said(run: Run, tmp_path: Path) -> None:
    source, target = tmp_path / "old.toml", tmp_path / "old.bin"
    source.write_text("ver = 4\n", encoding="utf-8")
    said = run("rproc", "table", "build", str(source), "-o", str(target))
    assert said.returncode == 0
    assert "a loader will refuse it: unsupported fw ver: 4" in said.stdout
    assert target.read_bytes()[:4] == b"\4\0\0\0"


def test_a_mistake_in_a_table_names_line_and_remedy(run: Run, tmp_path: Path) -> None:
    source, target = tmp_path / "t.toml", tmp_path / "t.c"
    source.write_text(TOML.replace("num = 16", "nums = 16", 1), encoding="utf-8")
    said = run("rproc", "table", "build", str(source), "-o", str(target))
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.splitlines() == [
        f"rproc: {source}:9: entry 0, vring 0: nums: unknown key",
        '  hint: did you mean "num"?',
    ]
    assert not target.exists()


def test_a_file_of_another_encoding_names_the_line(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "t.toml"
    source.write_bytes(b"ver = 1\n# T\xfcr\n")
    said = run("rproc", "table", "show", str(source))
    assert said.stderr.splitlines()[0] == f"rproc: {source}:2: is not UTF-8"
    source.write_bytes(b"\xef\xbb\xbfver = 1\r\n")
    assert run("rproc", "table", "show", str(source)).returncode == 0


def test_the_source_is_not_written_over(run: Run, toml: Path) -> None:
    said = run("rproc", "table", "build", str(toml), "-o", str(toml))
    assert said.returncode == 2
    assert toml.read_text() == TOML


def test_a_symbol_that_is_none_is_an_error(run: Run, tmp_path: Path, toml: Path) -> None:
    said = run("rproc", "table", "build", str(toml), "-o", str(tmp_path / "t.c"), "--symbol", "a b")
    assert said.returncode == 1
    assert "is no name for a symbol" in said.stderr
    assert not (tmp_path / "t.c").exists()


# ---- edit ----


def test_an_edit_changes_the_table_in_the_image_and_nothing_else(
    run: Run, tmp_path: Path, firmware: Path
) -> None:
    out = tmp_path / "out.elf"
    settings = ("--set", "vdev0.vring0.num=64", "--set", "trace0.len=0x80")
    said = run("rproc", "table", "edit", str(firmware), *settings, "-o", str(out))
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        f"{out}: vdev0.vring0.num: 16 -> 64",
        f"{out}: trace0.len: 0x100 -> 0x80",
    ]
    before, after = firmware.read_bytes(), out.read_bytes()
    image = ElfImage.parse(after)
    section = image.table_section
    assert section is not None
    start, end = section.offset, section.offset + section.size
    assert (before[:start], before[end:]) == (after[:start], after[end:])
    assert image.table_bytes is not None
    table = parse(image.table_bytes)
    assert table.vdevs[0].vrings[0].num == 64
    assert table.traces[0].size == 0x80
    assert firmware.read_bytes() == elf_image(TABLE)


def test_what_may_be_executed_stays_so(run: Run, tmp_path: Path, firmware: Path) -> None:
    out = tmp_path / "out.elf"
    run("rproc", "table", "edit", str(firmware), "--set", "ver=1", "-o", str(out))
    run("rproc", "table", "edit", str(firmware), "--set", "ver=1", "--in-place")
    for file in (out, firmware):
        assert stat.S_IMODE(file.stat().st_mode) == 0o755


def test_an_edit_in_place_replaces_the_file_as_a_whole(run: Run, tmp_path: Path, firmware: Path) -> None:
    link = tmp_path / "link.elf"
    link.symlink_to(firmware)
    values = record(
        run("rproc", "table", "edit", "--json", str(link), "--set", "trace0.da=0x2000", "--in-place")
    )
    assert values["output"] == str(link)
    assert values["new_faults"] == []
    (change,) = values["changes"]
    assert (change["path"], change["old"], change["new"]) == ("trace0.da", 0x1000, 0x2000)
    assert link.is_symlink()
    assert firmware.read_bytes()[change["offset"] :][:4] == b"\0\x20\0\0"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fw.elf", "link.elf"]


def test_an_edit_that_is_refused_leaves_every_file_as_it_was(
    run: Run, tmp_path: Path, firmware: Path
) -> None:
    before = firmware.read_bytes()
    for goal in (("--in-place",), ("-o", str(tmp_path / "out.elf"))):
        settings = ("--set", "ver=2", "--set", "vdev0.num_of_vrings=3")
        said = run("rproc", "table", "edit", str(firmware), *settings, *goal)
        assert (said.returncode, said.stdout) == (1, "")
        assert said.stderr.splitlines() == [
            f"rproc: {firmware}: vdev0.num_of_vrings: vrings cannot be added or taken away in place",
            "  hint: make a new table with `rproc table build` and link the firmware with it",
        ]
    assert firmware.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["fw.elf"]


def test_a_folder_that_cannot_be_written_to_is_named_and_nothing_is_left(
    run: Run, tmp_path: Path, firmware: Path
) -> None:
    goal = tmp_path / "none" / "out.elf"
    said = run("rproc", "table", "edit", str(firmware), "--set", "ver=1", "-o", str(goal))
    assert said.returncode == 1
    assert said.stderr.startswith(f"rproc: {goal}: No such file or directory\n")
    assert [path.name for path in tmp_path.iterdir()] == ["fw.elf"]


def test_an_edit_says_when_a_loader_will_refuse_the_table_now(
    run: Run, tmp_path: Path, firmware: Path
) -> None:
    out = tmp_path / "out.elf"
    said = run("rproc", "table", "edit", str(firmware), "--set", "ver=2", "-o", str(out))
    assert said.returncode == 0
    assert "a loader will refuse it now: unsupported fw ver: 2" in said.stdout
    said = run("rproc", "table", "edit", str(out), "--set", "ver=1", "--in-place")
    assert said.stdout == f"{out}: ver: 2 -> 1\n"
    assert out.read_bytes() == firmware.read_bytes()


def test_a_bare_table_is_edited_through_a_pipe() -> None:
    done = piped(emit(TABLE), "edit", "-", "--set", "trace0.da=any", "-o", "-")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == emit(TABLE).replace((0x1000).to_bytes(4, "little") + b"\0\1", b"\xff" * 4 + b"\0\1")


def test_a_raw_binary_is_not_edited(run: Run, tmp_path: Path) -> None:
    for name, data in (("fw.dat", emit(TABLE)), ("fw.bin", b"\x00\x20\x00\x20" * 64)):
        file = tmp_path / name
        file.write_bytes(data)
        said = run("rproc", "table", "edit", str(file), "--set", "ver=1", "--in-place")
        assert said.returncode == 1
        assert file.read_bytes() == data
