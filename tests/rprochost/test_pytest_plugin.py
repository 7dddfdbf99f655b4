# SPDX-License-Identifier: Apache-2.0
"""The plugin for pytest, in runs of its own, as a project that uses it has them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rprochost.sdk import find_compiler, find_sdk

HERE = Path(__file__).parent
BEHAVE = HERE.parent / "cores" / "ecus" / "behave.c"
BEHAVE_PY = BEHAVE.with_suffix(".py")
EXAMPLE = HERE.parents[1] / "examples" / "pytest"
#: The longest of these runs takes a tenth of this.
LIMIT = 110
#: A plugin must not warn in a project that takes warnings for errors; the second is pytest's own, about the
#: finder of an editable install.
WARNINGS = ("-W", "error", "-W", "ignore:Module already imported so cannot be rewritten")

Pytest = Callable[..., "subprocess.CompletedProcess[str]"]


def outcomes(said: str) -> dict[str, str]:
    """Return what became of each test, from the summary that -rA prints; a test may fail and be an error."""
    found: dict[str, str] = {}
    lines = re.findall(r"^(PASSED|FAILED|ERROR) \S+?::(\S+)", said, flags=re.MULTILINE)
    for outcome, test in sorted(lines, reverse=True):
        found[test] = f"{found[test]} {outcome}" if test in found else outcome
    return found


def section(said: str, title: str) -> str:
    """Return the text of a report's section; "" when there is none."""
    found = re.search(
        rf"^-+ {re.escape(title)} -+\n(.*?)(?=^[-=_]{{3,}})", said, flags=re.MULTILINE | re.DOTALL
    )
    return found[1] if found else ""


@pytest.fixture(scope="module")
def ecus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ECUs that echo, and hang when told, in boot or in stop; each as a library and as a program."""
    compiler, sdk = find_compiler(), find_sdk()
    assert compiler is not None, "make test needs a C compiler"
    folder = tmp_path_factory.mktemp("ecus")
    for behaviour in ("echo", "hang_boot", "hang_stop"):
        for shape, name in (("-shared", f"lib{behaviour}.so"), ("-pie", behaviour)):
            given = [f'-DBEHAVIOUR="{behaviour}"', shape, str(BEHAVE), "-o", str(folder / name)]
            subprocess.run([compiler, "-w", *sdk.cflags(), *given, *sdk.libs()], check=True)
    shutil.copy(BEHAVE_PY, folder)
    return folder


@pytest.fixture
def run_pytest(tmp_path: Path, ecus: Path) -> Pytest:
    """Run pytest over a copy of a project, so that nothing is written beside its files."""

    def run(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        folder = tmp_path / "project"
        shutil.copytree(project, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "pytest.ini").touch()
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-rA", "--strict-markers", *WARNINGS, *arguments],
            cwd=folder,
            env=os.environ | {"PLUGIN_TEST_ECUS": str(ecus), "COLUMNS": "160"},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    return run


def test_the_example_project_passes(run_pytest: Pytest) -> None:
    result = run_pytest(EXAMPLE)
    assert result.returncode == 0, result.stdout + result.stderr
    assert list(outcomes(result.stdout).values()) == ["PASSED"] * 8


@pytest.mark.parametrize("arguments", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "xdist"])
def test_the_report_of_a_failing_test_shows_cores_log_trace_and_messages(
    run_pytest: Pytest, arguments: tuple[str, ...]
) -> None:
    result = run_pytest(EXAMPLE, "test_car.py", "show_report.py", *arguments)
    said = result.stdout
    found = outcomes(said)
    assert found.pop("test_a_door_can_be_locked", "") == "FAILED", said + result.stderr
    assert list(found.values()) == ["PASSED"] * 3
    cores = section(said, "rproc cores")
    assert re.fullmatch(r"door \(process, .*/door\) is running; channels: door\n", cores)
    assert "remote processor door is now up" in section(said, "rproc log")
    assert section(said, "rproc trace0 door") == "door: closed\ndoor: nobody taught me that\n"
    title, *messages = section(said, "rproc messages door").splitlines()
    assert re.fullmatch(r"endpoint 'door' at 0x\w+: 4 messages", title)
    shown = [re.sub(r".*?([tr]x) .*\|(.*)\|", r"\1 \2", line) for line in messages]
    assert shown == ["tx open", "rx open", "tx lock", "rx open"]


def test_a_core_that_hangs_fails_its_test_and_the_run_goes_on(run_pytest: Pytest) -> None:
    result = run_pytest(HERE / "plugin", "test_hanging.py", "--rproc-timeout=2", "-p", "xdist", "-n", "2")
    said = result.stdout
    assert result.returncode == 1, said + result.stderr
    assert outcomes(said) == {
        "test_boot_of_a_library": "ERROR",
        "test_boot_of_a_process": "ERROR",
        "test_stop": "PASSED ERROR",
        "test_stop_of_a_thread": "PASSED ERROR",
        "test_answer": "FAILED ERROR",
        "test_a_ring_that_stays_full": "FAILED",
        "test_channel_of_a_core": "FAILED",
        "test_channel_of_a_machine": "FAILED",
        "test_state": "FAILED",
        "test_trace": "FAILED",
        **{f"test_the_run_goes_on[{number}]": "PASSED" for number in range(6)},
    }
    for name in ("boot-library", "stop-library", "stop-python", "answer-library"):
        assert f"core {name}: does not return and was abandoned" in said
    assert "core boot-process: was not ready within 2 s" in said
    # A process can be ended, so that its stop was good.
    assert "core stop-process" not in said


#: What the error of each test in test_wrong_marks.py says besides file, line and test.
WRONG_MARKS = {
    "test_no_mark": "need @pytest.mark.rproc(firmware=",
    "test_positional": "@pytest.mark.rproc: takes firmware= and options by name",
    "test_no_firmware": "@pytest.mark.rproc: takes firmware= and options by name",
    "test_unknown_option": 'unknown key "boot_timeuot"; did you mean "boot_timeout"?',
    "test_wrong_value": "num must be an integer from 1 to 32768, not a string 'many'",
    "test_wrong_firmware": "firmware must be a string that is not empty, not an integer 5",
    "test_wrong_name": "@pytest.mark.rproc: name must be a string, not 5",
    "test_unknown_kind": "no kind of core 'emulated'; use one of",
    "test_option_of_another_kind": "a core of kind library has no option 'args'; drop it",
    "test_two_of_one_name": "two marks for one core 'remoteproc'; give each a name of its own",
    "test_which_of_two": "this one has 2: one, two; use the fixture machine",
    "test_no_file": "@pytest.mark.machine: takes one machine file",
    "test_missing_file": "@pytest.mark.machine: [Errno 2] No such file or directory: ",
    "test_option_of_a_file": "@pytest.mark.machine: takes one machine file",
    "test_wrong_file": 'wrong.toml:4: [core.door]: unknown key "firmwear"; did you mean "firmware"?',
    "test_no_name_of_a_file": "embedded null",
    "test_missing_firmware": "none.elf: no such firmware; use one that is there: ",
}


def test_a_wrong_mark_is_an_error_with_file_line_test_and_remedy(run_pytest: Pytest) -> None:
    result = run_pytest(HERE / "plugin", "test_wrong_marks.py")
    said = result.stdout
    found = dict(re.findall(r"^test_wrong_marks\.py:\d+: (\w+): (.*)$", said, flags=re.MULTILINE))
    assert found.keys() == WRONG_MARKS.keys(), said + result.stderr
    assert [test for test, words in WRONG_MARKS.items() if words not in found[test]] == []
    # One line each: nothing of where in the plugin it was found out.
    assert "During handling" not in said
    assert outcomes(said).pop("test_the_file_is_beside_this_one") == "PASSED"


def test_a_report_has_the_crash_the_level_and_the_last_messages_that_were_asked_for(
    run_pytest: Pytest,
) -> None:
    result = run_pytest(HERE / "plugin", "test_reports.py", "--rproc-log-level=err")
    said = result.stdout
    assert outcomes(said) == {
        "test_crash": "FAILED",
        "test_many_messages": "FAILED",
        "test_that_passes": "PASSED",
    }, said + result.stderr
    assert "is crashed: signal: killed by SIGKILL;" in section(said, "rproc cores")
    # The state is seen before the crash has been handled; lines of level 4 and above are left out.
    detected, *later = [line.partition("] ")[2] for line in section(said, "rproc log").splitlines()]
    assert detected == "remoteproc remoteproc0: crash detected in victim: type fatal error"
    assert later in ([], ["remoteproc remoteproc0: handling crash #1 in victim"])
    title, *messages = section(said, "rproc messages talker").splitlines()
    assert title.endswith(": 100 messages, the last:")
    texts = [line.partition("|")[2] for line in messages]
    assert texts == [f"message {number}|" for number in range(34, 50) for _ in range(2)]
    assert "(library" not in said.partition("= PASSES =")[2]


@pytest.mark.parametrize("option", ["--rproc-timeout=0", "--rproc-timeout=soon", "--rproc-log-level=8"])
def test_an_option_that_cannot_be_is_wrong_use_and_names_itself(run_pytest: Pytest, option: str) -> None:
    result = run_pytest(HERE / "plugin", option)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"argument {option.partition('=')[0]}: " in result.stderr


def test_a_project_that_uses_no_fixture_loads_neither_numpy_nor_the_extension(
    run_pytest: Pytest, tmp_path: Path
) -> None:
    project = tmp_path / "source"
    project.mkdir()
    (project / "test_nothing.py").write_text(
        "import sys\n"
        "def test_nothing(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.hasplugin('rproc')\n"
        "    assert not {'numpy', '_rproc', 'rprochost.config', 'rprochost.machine'} & set(sys.modules)\n",
        encoding="utf-8",
    )
    # hypothesis loads NumPy for itself in some of its releases.
    result = run_pytest(project, "-p", "no:hypothesispytest")
    assert outcomes(result.stdout) == {"test_nothing": "PASSED"}, result.stdout + result.stderr
