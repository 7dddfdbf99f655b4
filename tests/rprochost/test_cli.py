# SPDX-License-Identifier: Apache-2.0
"""The two commands as a user meets them: help, exit codes, JSON, the form of errors."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from resource_tables import ADDR_ANY, ResourceTable, Trace, Vdev, Vring, elf_image
from rprochost.cli.common import Verb, explain
from rprochost.cli.parser import build_parser
from rprochost.cli.rpmsg_verbs import VERBS as RPMSG_VERBS
from rprochost.cli.rproc_verbs import verbs_for

RPROC_VERBS = verbs_for(())
Run = Callable[..., "subprocess.CompletedProcess[str]"]
ALL = [("rproc", verb) for verb in RPROC_VERBS] + [("rpmsg", verb) for verb in RPMSG_VERBS]


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    """A small image with a table, of no machine in particular."""
    vring = Vring(da=ADDR_ANY, align=4096, num=16, notifyid=0, pa=0)
    table = ResourceTable(
        (
            Vdev(id=7, notifyid=0, dfeatures=1, gfeatures=0, status=0, vrings=(vring, vring)),
            Trace(da=0x1000, size=256, name="trace0"),
        )
    )
    file = tmp_path / "door.elf"
    file.write_bytes(elf_image(table))
    return file


@pytest.mark.parametrize(("tool", "verb"), ALL, ids=[f"{tool}-{verb.name}" for tool, verb in ALL])
def test_every_verb_has_help_with_examples_that_parse(run: Run, tool: str, verb: Verb) -> None:
    said = run(tool, verb.name, "--help")
    assert said.returncode == 0
    assert "examples:" in said.stdout
    assert "--json" in said.stdout
    parser = build_parser(tool, "", RPROC_VERBS if tool == "rproc" else RPMSG_VERBS)
    for line in verb.examples.splitlines():
        _, _, words = line.partition(f"{tool} {verb.name}")
        if words and not line.startswith(("cc", "cmake")):
            parser.parse_args([verb.name, *shlex.split(words)])


@pytest.mark.parametrize("tool", ["rproc", "rpmsg"])
def test_help_lists_the_verbs_and_version_names_the_tool(run: Run, tool: str) -> None:
    said = run(tool, "--help")
    assert said.returncode == 0
    for verb in RPROC_VERBS if tool == "rproc" else RPMSG_VERBS:
        assert f"{verb.name} " in said.stdout
    version = run(tool, "--version")
    assert (version.returncode, version.stdout.split()[0]) == (0, tool)


@pytest.mark.parametrize(
    "arguments",
    [
        ("rproc",),
        ("rproc", "fly"),
        ("rproc", "table", "show"),
        ("rproc", "demo", "--count", "0"),
        ("rproc", "run", "x", "--for", "-1"),
        ("rpmsg", "ping", "rpmsg-echo"),
        ("rpmsg", "ping", "rpmsg-echo", "--machine", "a", "--firmware", "b"),
        ("rpmsg", "ping", ":x", "--firmware", "b"),
        ("rpmsg", "send", "x", "zz", "--hex", "--firmware", "b"),
        ("rpmsg", "ls", "--machine", "a.toml", "--kind", "process"),
    ],
)
def test_wrong_use_exits_2_without_a_traceback(run: Run, arguments: tuple[str, ...]) -> None:
    said = run(*arguments)
    assert said.returncode == 2
    assert said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("rproc", "--json"),
        ("rproc", "--json", "fly"),
        ("rproc", "demo", "--count", "0", "--json"),
        ("rpmsg", "send", "x", "zz", "--hex", "--firmware", "b", "--json"),
    ],
)
def test_wrong_use_with_json_is_one_object_on_stderr(run: Run, arguments: tuple[str, ...]) -> None:
    said = run(*arguments)
    assert (said.returncode, said.stdout) == (2, "")
    values = json.loads(said.stderr)
    assert (values["schema"], values["error"]["tool"]) == (1, arguments[0])
    assert values["error"]["what"]


def test_wrong_use_shows_the_usage_of_the_verb(run: Run) -> None:
    lines = run("rproc", "table", "show").stderr.splitlines()
    assert lines[0].startswith("usage: rproc table show ")
    assert lines[1:] == [
        "rproc: the following arguments are required: FILE",
        "  hint: rproc table show --help",
    ]


@pytest.mark.parametrize(
    ("words", "data", "reply"),
    [
        ("c --reply text", "text", True),
        ("--reply c text", "text", True),
        ("c text --reply", "text", True),
        ("c --reply -- -text", "-text", True),
        ("c -- --reply", "--reply", False),
        ("-- c -text", "-text", False),
        ("c --reply", None, True),
    ],
)
def test_a_message_may_follow_options(words: str, data: str | None, reply: bool) -> None:
    parsed = build_parser("rpmsg", "", RPMSG_VERBS).parse_args(["send", "--firmware", "f", *words.split()])
    assert (parsed.channel, parsed.data, parsed.reply) == ("c", data, reply)


@pytest.mark.parametrize("words", ["--json table show x", "table --json show x", "table show x --json"])
def test_options_of_all_verbs_may_stand_anywhere(words: str) -> None:
    parsed = build_parser("rproc", "", RPROC_VERBS).parse_args(words.split())
    assert (parsed.json, parsed.quiet, parsed.file) == (True, False, Path("x"))


def test_table_show_prints_what_debugfs_would(run: Run, firmware: Path) -> None:
    said = run("rproc", "table", "show", str(firmware))
    assert (said.returncode, said.stderr) == (0, "")
    assert "is of type vdev" in said.stdout
    assert "Name trace0" in said.stdout


def test_table_show_json_is_one_object_with_a_schema(run: Run, firmware: Path) -> None:
    said = run("rproc", "table", "show", "--json", str(firmware))
    values = json.loads(said.stdout)
    assert (values["schema"], values["file"]) == (1, str(firmware))
    assert values["table"]


def test_help_and_table_load_neither_numpy_nor_a_compiled_module(firmware: Path) -> None:
    code = (
        "import sys\n"
        "from rprochost.cli import main\n"
        "from rprochost.cli.rpmsg import main as rpmsg\n"
        f"main(['table', 'show', {str(firmware)!r}])\n"
        "for tool in (main, rpmsg):\n"
        "    try:\n"
        "        tool(['--help'])\n"
        "    except SystemExit as end:\n"
        "        assert end.code == 0\n"
        "heavy = {'numpy', '_rproc', '_cffi_backend', 'cffi', 'virtio', 'rpmsg', 'rproc', 'cores'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def _check_error_form(said: "subprocess.CompletedProcess[str]", first: str) -> None:
    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    lines = said.stderr.splitlines()
    assert lines[0].startswith(first), said.stderr
    assert all(line.startswith(("  rule: ", "  hint: ")) for line in lines[1:]), said.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "too small"),
        (b"not an ELF" * 10, "magic"),
        (b"\x7fELF\x09\x01\x01" + bytes(60), "class"),
    ],
)
def test_what_is_no_firmware_is_an_error_with_rule_and_linux_function(
    run: Run, tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "bad.elf"
    file.write_bytes(content)
    said = run("rproc", "table", "show", str(file))
    _check_error_form(said, f"rproc: {file}: ")
    assert words in said.stderr.lower()
    assert "rproc_elf_sanity_check" in said.stderr
    assert "errno EINVAL" in said.stderr


def test_a_missing_file_is_an_error_with_its_errno(run: Run, tmp_path: Path) -> None:
    said = run("rproc", "table", "show", str(tmp_path / "none.elf"))
    _check_error_form(said, f"rproc: {tmp_path / 'none.elf'}: No such file or directory")
    assert "ENOENT" in said.stderr


def test_an_error_with_json_is_one_object(run: Run, tmp_path: Path) -> None:
    said = run("rproc", "table", "show", "--json", str(tmp_path / "none.elf"))
    assert said.returncode == 1
    error = json.loads(said.stdout)["error"]
    assert (error["tool"], error["errno"]) == ("rproc", "ENOENT")


def test_a_mistake_in_a_machine_file_names_line_and_remedy(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "machine.toml"
    file.write_text('[core.door]\nfirmwar = "x"\n', encoding="utf-8")
    said = run("rpmsg", "ls", "--machine", str(file))
    _check_error_form(said, f'rpmsg: {file}:2: [core.door]: unknown key "firmwar"')
    assert 'hint: did you mean "firmware"?' in said.stderr


def test_the_sdk_verb_answers_on_one_line(run: Run) -> None:
    said = run("rproc", "sdk", "--cflags", "--libs")
    assert said.returncode == 0
    assert said.stdout.count("\n") == 1
    assert "-I" in said.stdout
    assert "-lecusdk" in said.stdout
    folders = json.loads(run("rproc", "sdk", "--json").stdout)
    assert (Path(folders["includedir"]) / "ecusdk" / "ecu.h").is_file()
    assert (Path(folders["cmakedir"]) / "ecusdkConfig.cmake").is_file()
    assert (Path(folders["srcdir"]) / "src").is_dir()


def test_an_unknown_error_is_explained_by_its_text_or_its_name() -> None:
    assert explain(RuntimeError("odd"))["what"] == "odd"
    assert explain(RuntimeError())["what"] == "RuntimeError"
    assert explain(PermissionError(13, "Permission denied", "x.elf"))["file"] == "x.elf"
