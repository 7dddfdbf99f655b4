# SPDX-License-Identifier: Apache-2.0
"""The commands with running cores: every kind, every verb, bad firmware."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rprochost.sdk import find_compiler

Run = Callable[..., "subprocess.CompletedProcess[str]"]
CHANNEL = "rpmsg-echo"


def _objects(said: "subprocess.CompletedProcess[str]") -> list[dict[str, object]]:
    found = [json.loads(line) for line in said.stdout.splitlines()]
    assert all(one["schema"] == 1 for one in found)
    return found


@pytest.fixture
def car(images: dict[str, str], tmp_path: Path) -> str:
    """A machine file with a core of every kind."""
    file = tmp_path / "car.toml"
    cores = (f'[core.{kind}]\nkind = "{kind}"\nfirmware = "{image}"\n' for kind, image in images.items())
    file.write_text("\n".join(cores), encoding="utf-8")
    return str(file)


def test_ls_lists_the_channels_of_every_core(run: Run, car: str, images: dict[str, str]) -> None:
    said = run("rpmsg", "ls", "--machine", car, "--timeout", "10")
    assert (said.returncode, said.stderr) == (0, "")
    assert [line.split()[:2] for line in said.stdout.splitlines()[2:]] == [[kind, CHANNEL] for kind in images]


def test_ls_json_is_one_object_per_channel(run: Run, car: str) -> None:
    found = _objects(run("rpmsg", "ls", "--machine", car, "--json", "--timeout", "10"))
    assert {one["core"] for one in found} == {"library", "process", "python"}
    assert {one["channel"] for one in found} == {CHANNEL}


def test_ping_measures_every_kind(run: Run, images: dict[str, str], kind: str) -> None:
    said = run("rpmsg", "ping", "--firmware", images[kind], CHANNEL, "--count", "100", "--json")
    assert (said.returncode, said.stderr) == (0, "")
    (result,) = _objects(said)
    assert (result["num"], result["size"], result["channel"]) == (100, 16, CHANNEL)


def test_ping_names_the_core_before_the_colon(run: Run, car: str) -> None:
    said = run("rpmsg", "ping", "--machine", car, f"process:{CHANNEL}", "--count", "20", "--size", "496")
    assert said.returncode == 0
    assert "20 round trips of 496 bytes" in said.stdout


def test_ping_with_an_interval_streams_one_object_each(run: Run, images: dict[str, str]) -> None:
    arguments = ("--count", "3", "--interval", "0.01", "--json")
    found = _objects(run("rpmsg", "ping", "--firmware", images["library"], CHANNEL, *arguments))
    assert [one.get("seq") for one in found] == [0, 1, 2, None]


def test_ping_of_a_size_that_does_not_fit_names_the_limit(run: Run, images: dict[str, str]) -> None:
    said = run("rpmsg", "ping", "--firmware", images["library"], CHANNEL, "--size", "497")
    assert said.returncode == 1
    assert "497, at most 496" in said.stderr
    assert "errno EMSGSIZE" in said.stderr


def test_ping_of_an_unknown_channel_lists_what_is_announced(run: Run, car: str) -> None:
    said = run("rpmsg", "ping", "--machine", car, "process:none", "--timeout", "0.2")
    assert said.returncode == 1
    assert said.stderr.startswith("rpmsg: core process announced")
    assert f"process:{CHANNEL}" in said.stderr
    assert "rule: CHANNEL_TIMEOUT (errno ETIMEDOUT)" in said.stderr


def test_send_with_reply_prints_the_answers(run: Run, images: dict[str, str], kind: str) -> None:
    said = run("rpmsg", "send", "--firmware", images[kind], CHANNEL, "hello", "--reply", "--count", "2")
    assert said.returncode == 0
    assert said.stdout.splitlines() == ["hello", "hello", f"2 messages, 10 bytes to {CHANNEL}"]


def test_send_reads_lines_from_stdin(run: Run, images: dict[str, str]) -> None:
    firmware = images["library"]
    said = run("rpmsg", "send", "--firmware", firmware, CHANNEL, "--reply", "-q", stdin="one\ntwo\n")
    assert (said.returncode, said.stdout) == (0, "one\ntwo\n")


def test_send_hex_and_size_make_bytes(run: Run, images: dict[str, str]) -> None:
    arguments = ("00 ff", "--hex", "--size", "4", "--reply", "--json")
    reply, end = _objects(run("rpmsg", "send", "--firmware", images["library"], CHANNEL, *arguments))
    assert reply["data"] == "00ff0000"
    assert (end["sent"], end["bytes"]) == (1, 4)


def test_recv_prints_what_comes_and_leaves_after_count(run: Run, images: dict[str, str], kind: str) -> None:
    said = run("rpmsg", "recv", "--firmware", images[kind], CHANNEL, "--first", "hi", "--count", "1")
    assert (said.returncode, said.stdout) == (0, "hi\n")


def test_recv_of_nothing_times_out(run: Run, images: dict[str, str]) -> None:
    arguments = ("--count", "1", "--timeout", "0.2")
    said = run("rpmsg", "recv", "--firmware", images["library"], CHANNEL, *arguments)
    assert said.returncode == 1
    assert "errno ETIMEDOUT" in said.stderr


def test_run_shows_the_log_in_linuxs_order(run: Run, images: dict[str, str], kind: str) -> None:
    said = run("rproc", "run", images[kind], "--name", "door", "--for", "0.5")
    assert (said.returncode, said.stderr) == (0, "")
    text = said.stdout
    words = [
        "door is available",
        "powering up door",
        "Booting fw image",
        "registered virtio0 (type 7)",
        "remote processor door is now up",
        "stopped remote processor door",
    ]
    assert [text.find(word) for word in words] == sorted(text.find(word) for word in words)
    assert -1 not in [text.find(word) for word in words]
    assert f"creating channel {CHANNEL} addr 0x400" in text


def test_run_json_streams_log_lines_and_an_end(run: Run, images: dict[str, str]) -> None:
    *log, end = _objects(run("rproc", "run", images["process"], "--for", "0.5", "--json"))
    assert {one["event"] for one in log} == {"log"}
    assert (end["event"], end["crash"]) == ("end", None)
    assert end["channels"] == [{"name": CHANNEL, "src": 0xFFFFFFFF, "dst": 0x400}]


@pytest.fixture
def bad_firmware(tmp_path: Path) -> dict[str, str]:
    """Files that are no firmware, by what is wrong with them."""
    compiler = find_compiler()
    assert compiler is not None
    source = tmp_path / "main.c"
    source.write_text("int main(void) { return 0; }\n", encoding="utf-8")
    for name, flags in (("plain", []), ("plain.so", ["-shared", "-fPIC"])):
        subprocess.run([compiler, *flags, str(source), "-o", str(tmp_path / name)], check=True)
    (tmp_path / "junk").write_bytes(b"junk" * 100)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    return {file.name: str(file) for file in tmp_path.iterdir()} | {
        name: str(tmp_path / name) for name in ("none", "none.py")
    }


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("none", "process", "ENOENT"),
        ("folder", "process", "errno"),
        ("empty", "process", "too small"),
        ("junk", "process", "bad magic"),
        ("junk", "library", "bad magic"),
        ("plain", "process", ".resource_table"),
        ("plain", "library", 'kind = "process"'),
        ("plain.so", "library", "ecu_get_ops"),
        ("plain.so", "process", 'kind = "library"'),
        ("none.py", "python", "ENOENT"),
        ("junk", "python", "no Python file"),
    ],
)
def test_bad_firmware_is_one_error_in_the_form_of_the_project(
    run: Run, bad_firmware: dict[str, str], name: str, kind: str, words: str
) -> None:
    file = bad_firmware[name] + (":Echo" if kind == "python" else "")
    said = run("rproc", "run", file, "--kind", kind, "--name", "door")
    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    first, *rest = said.stderr.splitlines()
    assert first.startswith(f"rproc: door: {file}: ")
    assert first.count(str(Path(file).parent)) == 1
    assert "rule broken" not in first
    assert any(line.startswith("  rule: ") and "-" in line.split()[1] for line in rest)
    assert rest
    assert all(line.startswith(("  rule: ", "  hint: ")) for line in rest)
    assert words in said.stderr


def test_option_of_another_kind_is_told_with_file_core_and_the_kinds_that_have_it(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "car.toml"
    file.write_text(
        '[core.door]\nkind = "library"\nfirmware = "libdoor.so"\nargs = ["-x"]\n', encoding="utf-8"
    )
    said = run("rpmsg", "ls", "--machine", str(file))
    assert said.stderr.splitlines() == [
        f"rpmsg: door: {file}: a core of kind library has no option 'args'",
        "  rule: kind-option (errno EINVAL)",
        "  hint: drop it, or use a kind that has it: process (library has: none)",
    ]


def test_bad_firmware_with_json_ends_in_one_error_object(run: Run, bad_firmware: dict[str, str]) -> None:
    said = run("rproc", "run", bad_firmware["junk"], "--kind", "process", "--json")
    error = _objects(said)[-1]["error"]
    assert isinstance(error, dict)
    assert (error["core"], error["file"], error["errno"]) == ("junk", bad_firmware["junk"], "EINVAL")


def test_a_core_that_crashes_ends_run_with_1(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "crash.py"
    file.write_text(
        "from cores import PythonCore\n"
        "class Crash(PythonCore):\n"
        "    tick_interval = 0.05\n"
        "    def on_tick(self):\n"
        "        raise RuntimeError('on purpose')\n",
        encoding="utf-8",
    )
    said = run("rproc", "run", f"{file}:Crash")
    assert said.returncode == 1
    assert "crash detected in crash: type fatal error" in said.stdout
    assert "on purpose" in said.stdout
    assert said.stderr.startswith(f"rproc: crash: {file}:Crash: crashed: ")


def test_send_lets_the_core_take_the_last_message(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "sink.py"
    file.write_text(
        "from pathlib import Path\n"
        "from cores import PythonCore\n"
        "class Sink(PythonCore):\n"
        "    services = ('sink',)\n"
        "    def on_message(self, ept, data, src):\n"
        f"        with open({str(tmp_path / 'got')!r}, 'ab') as got:\n"
        "            got.write(data)\n",
        encoding="utf-8",
    )
    said = run("rpmsg", "send", "--firmware", f"{file}:Sink", "sink", "x", "--count", "100", "--linger", "2")
    assert said.returncode == 0
    assert (tmp_path / "got").read_bytes() == b"x" * 100
