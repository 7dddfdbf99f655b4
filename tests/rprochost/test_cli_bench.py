# SPDX-License-Identifier: Apache-2.0
"""`rpmsg bench` and `rpmsg ping` as commands."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rprochost.cli.parser import build_parser
from rprochost.cli.rpmsg_bench import make_options
from rprochost.cli.rpmsg_verbs import VERBS
from tests.rprochost.bench_results import whole_run

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

FEW = ("--rounds", "2", "--round-time", "0.0001", "--size", "16", "--cores", "1", "--endpoints", "2")
LIMIT = 30.0


def objects(said: "subprocess.CompletedProcess[str]") -> list[dict[str, object]]:
    """Return the records that a command has written."""
    found: list[dict[str, object]] = [json.loads(line) for line in said.stdout.splitlines()]
    assert all(one["schema"] == 1 for one in found)
    return found


# ---- bench -----------------------------------------------------------------------------------------------


def test_bench_shows_a_suite_and_the_aims_that_it_decides(run: Run) -> None:
    said = run("rpmsg", "bench", "idle", *FEW)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines()[0] == "idle"
    assert "memory kib per core" in said.stdout
    assert "wake-ups of idle cores" in said.stdout
    assert "shared flag" not in said.stdout


def test_bench_json_is_one_object_for_each_thing_found(run: Run) -> None:
    found = objects(run("rpmsg", "bench", "echo", *FEW, "--outstanding", "3", "--kind", "library", "--json"))
    assert found[0]["facts"]
    assert [one["id"] for one in found if one.get("suite") == "echo"] == ["trip-16", "window-16"]
    assert len([one for one in found if "aim" in one]) > 10


def test_bench_writes_results_that_it_can_load_and_compare(run: Run, tmp_path: Path) -> None:
    said = run("rpmsg", "bench", "echo", *FEW, "--output", str(tmp_path / "new" / "folder"))
    assert said.returncode == 0
    folder = tmp_path / "new" / "folder"
    assert said.stdout.splitlines()[-1] == f"wrote {folder / 'report.md'}"
    assert (folder / "report.md").read_text(encoding="utf-8").count("| round trip, 16 B |") == 1
    file = str(folder / "results.json")
    again = run("rpmsg", "bench", "--load", file, "--compare", file)
    assert (again.returncode, again.stderr) == (0, "")
    assert "0 regressions beyond 10%: none" in again.stdout


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Two runs, the second half as fast."""
    names = (tmp_path / "old.json", tmp_path / "new.json")
    for name, factor in zip(names, (1.0, 2.0), strict=True):
        whole_run(factor).save(name)
    return str(names[0]), str(names[1])


def test_a_regression_is_exit_code_1_and_named(run: Run, files: tuple[str, str]) -> None:
    old, new = files
    said = run("rpmsg", "bench", "--load", new, "--compare", old)
    assert (said.returncode, said.stderr) == (1, "")
    assert "2 regressions beyond 10%: round-trip/c-process-16, one-way/c-recv-16" in said.stdout
    assert run("rpmsg", "bench", "--load", new, "--compare", old, "--threshold", "150").returncode == 0
    assert run("rpmsg", "bench", "--load", old, "--compare", new).returncode == 0


def test_a_comparison_in_json_lists_the_regressions(run: Run, files: tuple[str, str]) -> None:
    old, new = files
    *_, last = objects(run("rpmsg", "bench", "--load", new, "--compare", old, "--json"))
    assert last["regressions"] == ["round-trip/c-process-16", "one-way/c-recv-16"]


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("fly",), 2, "no suite 'fly'"),
        (("--rounds", "0"), 2, "above 0"),
        (("--size", "16,x"), 2, "--size"),
        (("--placement", "moon"), 2, "--placement"),
        (("--quick", "--full"), 2, "not allowed with"),
        (("--load", "none.json"), 1, "none.json"),
        (("--compare", "/dev/null"), 1, "/dev/null: not JSON"),
    ],
)
def test_what_bench_cannot_do_is_said_before_it_measures(
    run: Run, arguments: tuple[str, ...], code: int, word: str
) -> None:
    said = run("rpmsg", "bench", *arguments)
    assert (said.returncode, said.stdout) == (code, "")
    assert word in said.stderr
    assert "Traceback" not in said.stderr


def test_every_knob_of_bench_reaches_the_options() -> None:
    words = (
        "bench --full --rounds 3 --round-time 0.5 --size 1,490 --placement same --batch 8 --outstanding 9 "
        "--spin-us 7 --work-us 2.5 --cores 1,40 --endpoints 5,6 --kind python"
    )
    made = make_options(build_parser("rpmsg", "", VERBS).parse_args(words.split()))
    assert (made.rounds, made.round_s, made.sizes, made.placement) == (3, 0.5, (1, 490), "same")
    assert (made.batch, made.outstanding, made.spin_us, made.work_us) == (8, 9, 7, 2.5)
    assert (made.cores, made.idle_cores, made.echo_cores, made.kind) == ((1, 40), 40, 40, "python")
    assert (made.endpoints, made.echo_endpoints) == ((5, 6), 6)


def _family(pid: int) -> set[int]:
    """Return the children of a process."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        found.update(map(int, (task / "children").read_text().split()))
    return found


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_bench_with_all_of_its_processes(
    start: Start, number: signal.Signals, code: int
) -> None:
    shared = set(Path("/dev/shm").iterdir())
    process = start("rpmsg", "bench", "blocking", "round-trip", "--round-time", "0.2", "--rounds", "100")
    try:
        deadline = time.monotonic() + LIMIT
        # Two cores at least, and the other sides of floors and rivals.
        while len(children := _family(process.pid)) < 8:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        watched = [os.pidfd_open(child) for child in children]
        process.send_signal(number)
        _, errors = process.communicate(timeout=LIMIT)
        assert process.returncode == code
        assert "Traceback" not in errors
        assert {
            path for path in set(Path("/dev/shm").iterdir()) - shared if "rproc-bench" in path.name
        } == set()
        for fd in watched:
            assert select.select([fd], [], [], LIMIT)[0] == [fd]
            os.close(fd)
    finally:
        process.kill()
        process.communicate()


# ---- ping ------------------------------------------------------------------------------------------------


def test_ping_measures_each_size_with_the_letters_of_other_tools(run: Run, images: dict[str, str]) -> None:
    said = run(
        "rpmsg",
        "ping",
        "--firmware",
        images["process"],
        "-d",
        "rpmsg-echo",
        "-n",
        "50",
        "-m",
        "1,490",
        "--json",
    )
    found = objects(said)
    assert [(one["size"], one["num"]) for one in found] == [(1, 50), (490, 50)]
    for one in found:
        times = [int(str(one[name])) for name in ("min_ns", "p50_ns", "p99_ns", "p999_ns", "max_ns")]
        assert times == sorted(times)


def test_ping_reaches_an_address_from_an_address(run: Run, images: dict[str, str]) -> None:
    for words in (
        ("-p", "0x400"),
        ("-p", "1024", "-l", "0x500"),
        ("rpmsg-echo", "-l", "77"),
        ("-r", "echo", "-p", "0x400"),
    ):
        said = run("rpmsg", "ping", "--firmware", images["process"], "-n", "5", *words)
        assert (said.returncode, said.stderr) == (0, "")
        assert "address 0x400" in said.stdout
        assert "5 round trips of 16 bytes" in said.stdout


def test_ping_writes_how_often_each_time_was_seen(run: Run, images: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "trips.txt"
    words = ("rpmsg-echo", "-n", "40", "-m", "1,16", "--histogram", str(file))
    assert run("rpmsg", "ping", "--firmware", images["library"], *words).returncode == 0
    rows = [tuple(map(int, line.split(" , "))) for line in file.read_text(encoding="ascii").splitlines()]
    assert sum(count for _, count in rows) == 80
    assert rows == sorted(rows)


@pytest.mark.parametrize(
    ("words", "word"),
    [
        ((), "who is pinged"),
        (("door:rpmsg-echo", "-r", "door"), "--core says"),
        (("rpmsg-echo", "-d", "rpmsg-echo"), "--device says"),
        (("-p", "0xffffffff"), "must be 0 to 0xfffffffe"),
        (("-p", "here"), "--dst"),
        (("rpmsg-echo", "-m", "0"), "above 0"),
    ],
)
def test_a_ping_that_says_nothing_or_too_much_is_wrong_use(
    run: Run, words: tuple[str, ...], word: str
) -> None:
    said = run("rpmsg", "ping", "--firmware", "none", *words)
    assert said.returncode == 2
    assert word in said.stderr


def test_a_ping_of_an_address_in_a_machine_of_several_cores_must_name_one(
    run: Run, images: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "car.toml"
    cores = (f'[core.{name}]\nkind = "library"\nfirmware = "{images["library"]}"\n' for name in ("a", "b"))
    file.write_text("".join(cores), encoding="utf-8")
    said = run("rpmsg", "ping", "--machine", str(file), "-p", "0x400")
    assert said.returncode == 2
    assert "which core" in said.stderr
    said = run("rpmsg", "ping", "--machine", str(file), "-p", "0x400", "-r", "b", "-n", "3")
    assert (said.returncode, said.stderr) == (0, "")


def test_a_ping_that_nobody_answers_names_the_core(run: Run, images: dict[str, str]) -> None:
    said = run("rpmsg", "ping", "--firmware", images["process"], "-p", "0x499", "--timeout", "0.2")
    assert said.returncode == 1
    assert said.stderr.startswith(f"rpmsg: echo: {images['process']}: ")
    assert "ETIMEDOUT" in said.stderr
