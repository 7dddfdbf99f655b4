# SPDX-License-Identifier: Apache-2.0
"""The hooks for pre-commit and the GitHub Action: what they would run is run."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from identify import identify

from resource_tables import Carveout, ResourceTable, Vdev, Vring, elf_image

ROOT = Path(__file__).resolve().parents[2]
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
BIN = Path(sys.executable).parent


def write_image(file: Path, num: int = 16) -> None:
    """Write a small image; with ``num`` 0 it loses its virtio device."""
    rings = (Vring(num=num, align=16), Vring(num=16, align=16, notifyid=1))
    code = Carveout(name="code", da=0x10000000, size=0x40000, flags=3)
    table = ResourceTable((code, Vdev(id=7, dfeatures=1, vrings=rings)))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(elf_image(table, elf_class=32, machine=40, table_addr=0x10000000, e_type=2))


def test_pre_commit_takes_the_list_of_hooks() -> None:
    command = (sys.executable, "-m", "pre_commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml")
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
def test_a_hook_looks_at_images_and_runs_the_linter(hook: dict[str, Any], tmp_path: Path) -> None:
    names = ["fw.elf", "fw.axf", "a/fw.out"]
    for name in names:
        write_image(tmp_path / name)
    (tmp_path / "log.out").write_text("text\n")
    (tmp_path / "fw.elf.txt").write_bytes(b"\x7fELF\x00")
    # As pre-commit does it: by the name, then by what identify says of the file.
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    chosen = [
        name
        for name in files
        if re.search(hook["files"], name)
        and set(hook["types"]) <= identify.tags_from_path(str(tmp_path / name))
    ]
    assert sorted(chosen) == sorted(names)
    for num, code in ((16, 0), (0, 1)):
        write_image(tmp_path / "fw.elf", num)
        command = [str(BIN / shlex.split(hook["entry"])[0]), *shlex.split(hook["entry"])[1:], *chosen]
        result = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert result.returncode == code, result.stdout + result.stderr


def _step(name: str) -> dict[str, Any]:
    (found,) = (step for step in ACTION["runs"]["steps"] if step.get("name") == name)
    return dict(found)


def _evaluate(text: str, inputs: dict[str, str], outputs: dict[str, str]) -> str:
    """What the runner makes of the expressions that this action uses."""
    values = {f"inputs.{name}": value for name, value in inputs.items()}
    values |= {f"steps.lint.outputs.{name}": value for name, value in outputs.items()}
    return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda match: values.get(match[1], ""), text)


def run_action(folder: Path, **given: str) -> tuple[int, dict[str, str], str]:
    """Run the steps Lint and Verdict in a folder; return the exit code, the outputs, and what was printed."""
    inputs = {name: str(value.get("default", "")) for name, value in ACTION["inputs"].items()}
    inputs |= {name.replace("_", "-"): value for name, value in given.items()}
    outputs: dict[str, str] = {}
    printed = ""
    for name in ("Lint", "Verdict"):
        step = _step(name)
        assert step["shell"] == "bash"
        file = folder / "outputs.txt"
        file.write_text("")
        env = {key: _evaluate(value, inputs, outputs) for key, value in step["env"].items()}
        env |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "GITHUB_OUTPUT": str(file)}
        # The options with which GitHub runs a step whose shell is bash.
        command = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"])
        result = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        printed += result.stdout + result.stderr
        outputs |= dict(line.split("=", 1) for line in file.read_text().splitlines())
        if result.returncode != 0:
            break
    return result.returncode, outputs, printed


def test_the_action_fails_on_findings_after_it_has_written_its_report(tmp_path: Path) -> None:
    write_image(tmp_path / "build" / "good.elf")
    write_image(tmp_path / "build" / "deep" / "bad one.elf", num=0)
    code, outputs, printed = run_action(tmp_path, files="build/**/*.elf\n")
    assert (code, outputs["code"]) == (1, "1")
    assert "::error file=build/deep/bad one.elf,title=V55" in printed
    (run,) = json.loads((tmp_path / outputs["sarif-file"]).read_text())["runs"]
    uris = {
        one["physicalLocation"]["artifactLocation"]["uri"]
        for result in run["results"]
        for one in result["locations"]
    }
    assert uris == {"build/deep/bad%20one.elf"}


def test_the_action_passes_what_it_is_told_to_the_linter(tmp_path: Path) -> None:
    write_image(tmp_path / "fw.elf", num=0)
    (tmp_path / "mine.toml").write_text('base = "linux-6.12"\n[severity]\nV55 = "warning"\n')
    assert run_action(tmp_path, files="fw.elf", profile="mine.toml", sarif_file="x.sarif")[0] == 0
    assert (tmp_path / "x.sarif").is_file()
    assert run_action(tmp_path, files="fw.elf", profile="mine.toml", fail_on="warning")[0] == 1
    assert run_action(tmp_path, files="fw.elf", profile="mine.toml\nlinux-6.12")[0] == 1
    assert run_action(tmp_path, files="fw.elf", fail_on="never")[0] == 0


def test_the_action_fails_when_there_is_nothing_to_check(tmp_path: Path) -> None:
    code, outputs, printed = run_action(tmp_path, files="*.elf")
    assert (code, "unreadable" in printed) == (1, True)
    assert "sarif-file" in outputs
    code, outputs, printed = run_action(tmp_path, files="")
    assert (code, outputs) == (2, {"code": "2"})
    assert run_action(tmp_path, files="x.elf", fail_on="sometimes")[0] == 2


def test_the_action_runs_no_word_of_its_inputs(tmp_path: Path) -> None:
    write_image(tmp_path / "fw.elf")
    evil = "$(touch evil); `touch evil`; \"; touch evil; '"
    for name in ("files", "profile", "memory_map", "fail_on", "sarif_file"):
        run_action(tmp_path, **{"files": "fw.elf", name: evil})
    assert not (tmp_path / "evil").exists()
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_every_input_is_used_and_every_expression_is_known() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    used = set(re.findall(r"inputs\.([\w-]+)", text))
    assert used == set(ACTION["inputs"])
    assert set(re.findall(r"steps\.lint\.outputs\.([\w-]+)", text)) == {"sarif-file", "code"}
    uploads = [step for step in ACTION["runs"]["steps"] if "upload-sarif" in step.get("uses", "")]
    assert len(uploads) == 1
