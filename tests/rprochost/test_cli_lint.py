# SPDX-License-Identifier: Apache-2.0
"""`rproc lint` as a user meets it: files, profiles, forms, exit codes, and what it writes where."""

import json
import os
import pty
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from resource_tables import Carveout, ResourceTable, Trace, Vdev, Vring, elf_image, emit, profile_names
from resource_tables.lint.rules import RULES
from rprochost.cli import main
from rprochost.cli.lint import expanded
from tests.rprochost.conftest import LIMIT, Run, command

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "lint.schema.json"
EM_ARM = 40

CODE = Carveout(name="code", da=0x10000000, size=0x40000, flags=3)
RINGS = (Vring(num=16, align=16, notifyid=0), Vring(num=16, align=16, notifyid=1))
GOOD = (CODE, Vdev(id=7, dfeatures=1, vrings=RINGS))
#: Linux loses the virtio device of the one and wonders about the name of the other.
BAD_RING = (CODE, Vdev(id=7, dfeatures=1, vrings=(Vring(num=0, align=16), RINGS[1])))
ODD_NAME = (CODE, Trace(name="\x1b[31m\nred", da=0x10001000, size=256))

MAP = '[[region]]\nname = "sram"\nda = 0x10000000\nsize = 0x40000\nkind = "ram"\n'


def image(*entries: Any, machine: int = EM_ARM) -> bytes:
    """A small image of a microcontroller."""
    return elf_image(ResourceTable(entries), elf_class=32, machine=machine, table_addr=0x10000000, e_type=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with images that are good, odd (a warning), bad (an error), and no images at all."""
    (tmp_path / "good.elf").write_bytes(image(*GOOD))
    (tmp_path / "odd.elf").write_bytes(image(*ODD_NAME))
    (tmp_path / "bad.elf").write_bytes(image(*BAD_RING))
    (tmp_path / "text.elf").write_text("not an image\n")
    (tmp_path / "board.toml").write_text(MAP)
    return tmp_path


@pytest.fixture
def lint(run: Run, folder: Path) -> Run:
    """`rproc lint` with the names of files in the folder."""

    def run_lint(*words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        found = [str(folder / word) if (folder / word).exists() else word for word in words]
        return run("rproc", "lint", *found, **options)

    return run_lint


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("good.elf", 0),
        ("odd.elf", 0),
        ("bad.elf", 1),
        ("good.elf bad.elf", 1),
        ("text.elf", 1),
        ("odd.elf --fail-on warning", 1),
        ("good.elf --fail-on info", 0),
        ("bad.elf --fail-on never", 0),
        ("good.elf missing.elf", 1),
        ("missing.elf --fail-on never", 1),
    ],
)
def test_the_exit_code_tells_whether_there_are_findings(lint: Run, words: str, code: int) -> None:
    said = lint(*words.split())
    assert (said.returncode, said.stderr) == (code, "")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("", "rproc lint build/fw.elf"),
        ("good.elf --format xml", "rproc lint --help"),
        ("good.elf --json --format sarif", ""),
        ("good.elf --profile linux-6.2", "linux-6.12"),
        ("good.elf --profile none.toml", ""),
        ("good.elf --memory-map none.toml", ""),
        ("good.elf --memory-map text.elf", ""),
        ("good.elf --memory-map a --dtb b", "rproc lint --help"),
        ("good.elf --node /x", ""),
        ("good.elf bad.elf --svg x.svg", ""),
        ("good.elf --map --json", ""),
        ("good.elf -o good.elf", "name another file"),
        ("good.elf -o x.svg --svg ./x.svg", ""),
        ("good.elf --memory-map board.toml --svg board.toml", "name another file"),
        ("--explain V99", "rproc lint --list-rules"),
    ],
)
def test_wrong_use_exits_2_and_says_how_to_do_it(lint: Run, words: str, hint: str) -> None:
    said = lint(*words.split())
    assert said.returncode == 2
    error = json.loads(said.stderr)["error"]["hint"] if "--json" in words else said.stderr
    assert hint in error
    assert "Traceback" not in said.stderr


def test_the_profile_that_nobody_chose_is_told(lint: Run, folder: Path) -> None:
    (folder / "pc.elf").write_bytes(image(*GOOD, machine=62))
    assert "accepted (profile linux-6.12, the default for it)" in lint("good.elf").stdout
    assert "(profile ecu-host, the default for it)" in lint("pc.elf").stdout
    assert "(profile openamp)" in lint("good.elf", "--profile", "openamp").stdout


def test_each_profile_gives_its_own_verdict(lint: Run) -> None:
    words = ("bad.elf", "--profile", "linux-6.1", "--profile", "linux-6.12", "--json")
    files = json.loads(lint(*words).stdout)["files"]
    assert [file["profile"] for file in files] == ["linux-6.1", "linux-6.12"]
    assert lint(*words[:-1]).stdout.splitlines()[-1].startswith("1 file: ")


def test_a_user_s_own_profile_is_a_file(lint: Run, folder: Path) -> None:
    (folder / "mine.toml").write_text('base = "linux-6.12"\n[severity]\nV55 = "info"\n')
    assert lint("bad.elf", "--profile", "mine.toml").returncode == 0


def test_text_points_at_the_bytes_and_says_what_to_change(lint: Run, folder: Path) -> None:
    said = lint("bad.elf").stdout.splitlines()
    data = (folder / "bad.elf").read_bytes()
    line = next(i for i, line in enumerate(said) if ": error " in line)
    path, offset, severity, rest = said[line].split(":", 3)
    assert (path, severity.split()[0]) == (str(folder / "bad.elf"), "error")
    assert "entry 1 (vdev0) vring[0]" in rest
    at = int(offset, 16)
    row, marks = said[line + 1], said[line + 2]
    start = int(row.split()[0], 16)
    under = [start + i for i in range(16) if marks[14 + 3 * i : 16 + 3 * i] == "^^"]
    assert under[0] == at
    shown = bytes(int(row[14 + 3 * (i - start) : 16 + 3 * (i - start)], 16) for i in under)
    assert shown == data[at : at + len(under)]
    assert any(line.startswith("    hint: ") for line in said[line + 1 :])


def test_quiet_is_one_line_per_finding_and_verbose_says_why(lint: Run) -> None:
    quiet = lint("bad.elf", "-q").stdout.splitlines()
    assert all(": " in line and not line.startswith(" ") for line in quiet)
    assert lint("good.elf", "-q").stdout == ""
    loud = lint("bad.elf", "-v").stdout
    assert "    why: " in loud
    assert "    source: remoteproc" in loud


def test_a_missing_file_and_a_folder_are_named_and_the_rest_is_checked(lint: Run, folder: Path) -> None:
    (folder / "dir.elf").mkdir()
    said = lint("none.elf", "dir.elf", "bad.elf")
    assert said.returncode == 1
    assert "none.elf: unreadable: No such file or directory (ENOENT)" in said.stdout
    assert "dir.elf: unreadable: Is a directory (EISDIR)" in said.stdout
    assert "bad.elf: accepted" in said.stdout
    values = json.loads(lint("none.elf", "dir.elf", "bad.elf", "--json").stdout)
    assert [error["errno"] for error in values["errors"]] == [2, 21]
    assert len(values["files"]) == 1


def test_a_pipe_nobody_writes_to_does_not_hold_the_linter(lint: Run, folder: Path) -> None:
    os.mkfifo(folder / "pipe.elf")
    said = lint("pipe.elf", "good.elf")
    assert said.returncode == 1
    assert "pipe.elf: unreadable" in said.stdout


@pytest.mark.parametrize("name", ["good.elf", "odd.elf", "bad.elf", "text.elf"])
def test_json_is_one_line_that_follows_the_schema(lint: Run, name: str) -> None:
    said = lint(name, "--json")
    assert said.stdout.count("\n") == 1
    document = json.loads(said.stdout)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    assert lint(name, "--format", "json").stdout == said.stdout


def test_the_table_in_the_report_is_that_of_table_show(lint: Run, run: Run, folder: Path) -> None:
    (file,) = json.loads(lint("odd.elf", "--json").stdout)["files"]
    shown = json.loads(run("rproc", "table", "show", "--json", str(folder / "odd.elf")).stdout)["table"]
    assert file["table"]["entry"][0]["name"] == "code"
    assert {key: shown[key] for key in ("ver", "reserved")} == {
        key: file["table"][key] for key in ("ver", "reserved")
    }
    for entry, other in zip(file["table"]["entry"], shown["entry"], strict=True):
        assert entry.items() <= other.items()


def test_every_form_says_the_same_findings(lint: Run) -> None:
    files = ("odd.elf", "bad.elf", "text.elf")
    found = [one for file in json.loads(lint(*files, "--json").stdout)["files"] for one in file["findings"]]
    sarif = json.loads(lint(*files, "--format", "sarif").stdout)["runs"][0]["results"]
    assert [one["ruleId"] for one in sarif] == [one["rule"] for one in found]
    cases = ElementTree.fromstring(lint(*files, "--format", "junit").stdout).findall(".//testcase")
    assert len(cases) == len(found) + len(files)
    commands = lint(*files, "--format", "github").stdout.splitlines()
    assert len(commands) == len(found)
    lines = lint(*files, "-q").stdout.splitlines()
    assert len(lines) == len(found)


def test_names_in_a_file_do_not_steer_the_terminal(lint: Run) -> None:
    for form in ("text", "github", "junit", "sarif", "json"):
        said = lint("odd.elf", "--format", form, "--fail-on", "never")
        assert said.stdout
        assert "\x1b" not in said.stdout
    assert lint("odd.elf", "--map").stdout.replace("\n", "").isprintable()


def test_a_report_goes_to_a_file_whole_or_not_at_all(lint: Run, folder: Path) -> None:
    report = folder / "out.json"
    report.write_text("old")
    report.chmod(0o640)
    link = folder / "link.json"
    link.symlink_to(report)
    said = lint("bad.elf", "--json", "-o", str(link))
    assert (said.returncode, said.stdout) == (1, "")
    assert json.loads(report.read_text())["schema"] == 1
    assert (link.is_symlink(), stat.S_IMODE(report.stat().st_mode)) == (True, 0o640)
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []
    assert lint("good.elf", "-o", str(folder / "none" / "x")).returncode == 1


def test_a_device_is_written_to_and_not_replaced(lint: Run) -> None:
    said = lint("bad.elf", "--json", "-o", "/dev/stdout")
    assert (said.returncode, said.stderr) == (1, "")
    (checked,) = json.loads(said.stdout)["files"]
    assert checked["verdict"] == "accepted"
    said = lint("good.elf", "-o", "/dev/full")
    assert (said.returncode, "/dev/full: No space left" in said.stderr) == (1, True)
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_a_bare_table_is_checked_with_raw(lint: Run, folder: Path) -> None:
    (folder / "table.bin").write_bytes(emit(ResourceTable(BAD_RING)))
    assert "rejected" in lint("table.bin").stdout
    said = lint("table.bin", "--raw")
    assert "table.bin: accepted" in said.stdout
    assert "error V55" in said.stdout


def test_a_memory_map_adds_the_rules_that_need_one(lint: Run, folder: Path) -> None:
    (folder / "elsewhere.toml").write_text(MAP.replace("0x10000000", "0x70000000"))
    bare = (CODE.__class__(name="x", da=0x20000000, size=0x1000, flags=3), *GOOD[1:])
    (folder / "bare.elf").write_bytes(image(*bare))
    assert lint("bare.elf").returncode == 0
    assert lint("bare.elf", "--memory-map", "board.toml").returncode == 0
    said = lint("bare.elf", "--memory-map", "elsewhere.toml")
    assert said.returncode == 1
    assert "X06" in said.stdout


def test_the_memory_map_is_drawn_as_text_and_as_svg(lint: Run, folder: Path) -> None:
    said = lint("good.elf", "--map", "--svg", str(folder / "map.svg"), "--memory-map", "board.toml")
    assert said.returncode == 0
    assert "  256 KiB  sram  (ram)" in said.stdout
    assert "|  carveout code" in said.stdout
    root = ElementTree.parse(folder / "map.svg").getroot()
    assert root.tag.endswith("svg")
    assert any(text.text == "sram" for text in root.iter("{http://www.w3.org/2000/svg}text"))


def test_every_rule_is_listed_and_explained(run: Run) -> None:
    listed = run("rproc", "lint", "--list-rules").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [rule.id for rule in RULES]
    objects = json.loads(run("rproc", "lint", "--list-rules", "--json").stdout)["rules"]
    assert [one["rule"] for one in objects] == [rule.id for rule in RULES]
    rule = RULES[37]
    for name in (rule.id, rule.id.lower(), rule.title):
        said = run("rproc", "lint", "--explain", name)
        assert said.returncode == 0
        assert rule.reason in " ".join(said.stdout.split())
    assert json.loads(run("rproc", "lint", "--explain", rule.id, "--json").stdout)["rule"] == rule.id


def test_every_profile_is_listed(run: Run) -> None:
    listed = run("rproc", "lint", "--list-profiles").stdout.splitlines()
    assert tuple(line.split()[0] for line in listed) == profile_names()
    objects = json.loads(run("rproc", "lint", "--list-profiles", "--json").stdout)["profiles"]
    assert [one["profile"] for one in objects] == list(profile_names())


def test_a_misspelt_rule_is_answered_with_its_neighbour(run: Run) -> None:
    said = run("rproc", "lint", "--explain", RULES[0].title[:-1])
    assert (said.returncode, f"did you mean {RULES[0].title}?" in said.stderr) == (2, True)


def _on_terminal(words: list[str], **env: str) -> str:
    """What a command shows on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        words, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm", **env}
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # EIO: the other end is closed
        pass
    finally:
        os.close(ours)
        process.wait(LIMIT)
    return shown.decode()


def test_there_is_colour_on_a_terminal_only_and_not_with_no_color(lint: Run, folder: Path) -> None:
    words = command("rproc", "lint", str(folder / "bad.elf"))
    assert "\x1b[" not in lint("bad.elf").stdout
    assert "\x1b[1;31merror\x1b[0m" in _on_terminal(words, NO_COLOR="")
    assert "\x1b[1;31m" not in _on_terminal(words, NO_COLOR="1")


def test_a_long_list_shows_how_far_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter(range(0, 1000, 2))
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(seconds) * 1_000_000_000)
    assert main(["lint", *[str(folder / "good.elf")] * 4]) == 0
    assert "lint [" in capsys.readouterr().err
    assert main(["lint", "-q", *[str(folder / "good.elf")] * 4]) == 0
    assert capsys.readouterr().err == ""


def test_patterns_are_read_where_the_shell_does_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    found = ["bad.elf", "good.elf", "odd.elf", "text.elf"]
    assert expanded("*.elf", by_shell=False) == found
    assert expanded(str(folder / "*.elf"), by_shell=False) == [str(folder / name) for name in found]
    assert expanded("*.axf", by_shell=False) == ["*.axf"]
    assert expanded("*.elf", by_shell=True) == ["*.elf"]


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "github"])
def test_lint_loads_neither_numpy_nor_a_compiled_module(folder: Path, form: str) -> None:
    code = (
        "import sys\n"
        "from rprochost.cli import main\n"
        f"assert main(['lint', '--format', {form!r}, {str(folder / 'bad.elf')!r}]) == 1\n"
        "heavy = {'numpy', '_rproc', '_cffi_backend', 'cffi', 'virtio', 'rpmsg', 'rproc', 'cores'}\n"
        "heavy |= {'elftools', 'libfdt', 'asyncio', 'ctypes'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=LIMIT)
