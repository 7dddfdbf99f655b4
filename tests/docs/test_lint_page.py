# SPDX-License-Identifier: Apache-2.0
"""The page about the linter says what the linter does."""

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from resource_tables import (
    Carveout,
    ResourceTable,
    Trace,
    Vdev,
    Vring,
    elf_image,
    load_profile,
    profile_names,
    read_memory_map,
)
from resource_tables.files import MAX_FILE
from resource_tables.lint.collector import MAX_FINDINGS, MAX_PER_RULE
from rprochost.cli.lint import configure

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def _image(*rings: Vring) -> bytes:
    code = Carveout(name="code", da=0x10000000, size=0x40000, flags=3)
    trace = Trace(name="log", da=0x10020000, size=0x800)
    table = ResourceTable((code, Vdev(id=7, dfeatures=1, vrings=rings), trace))
    return elf_image(table, elf_class=32, machine=40, table_addr=0x10000000, e_type=2)


def test_the_example_is_what_the_linter_prints(tmp_path: Path) -> None:
    found = re.search(r"<!-- example -->\n```\n\$ rproc (.*?)\n(.*?)```\n", PAGE, flags=re.DOTALL)
    assert found is not None
    rings = (Vring(num=24, align=16), Vring(num=16, align=16, notifyid=1))
    (tmp_path / "fw.elf").write_bytes(_image(*rings))
    code = "import sys; from rprochost.cli import main; sys.exit(main())"
    said = subprocess.run(
        [sys.executable, "-c", code, *found[1].split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.stdout == found[2]


def test_every_option_is_on_the_page() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    configure(parser)
    options = {name for action in parser._actions for name in action.option_strings}
    listed = set(re.findall(r"`(--?[\w-]+)", PAGE.split("## Options")[1].split("## Profiles")[0]))
    assert listed - {"--json", "-q", "--quiet", "-v", "--verbose"} == options
    for action in parser._actions:
        for choice in action.choices or ():
            assert f"`{choice}`" in PAGE or f" {choice}`" in PAGE


def test_every_profile_is_on_the_page() -> None:
    table = PAGE.split("## Profiles")[1].split("```toml")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(name for row in rows for name in re.findall(r"`([\w.-]+)`", row)) == sorted(profile_names())


def test_the_toml_on_the_page_can_be_used(tmp_path: Path) -> None:
    profile, memory = _blocks("toml")
    (tmp_path / "mine.toml").write_text(profile)
    (tmp_path / "board.toml").write_text(memory)
    assert load_profile(str(tmp_path / "mine.toml")).title == tomllib.loads(profile)["title"]
    assert [region.size for region in read_memory_map(tmp_path / "board.toml").regions] == [0x1000]


def test_hooks_inputs_and_arguments_on_the_page_exist() -> None:
    pre_commit, action, _ = (yaml.safe_load(block) for block in _blocks("yaml"))
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    used = [hook["id"] for repo in pre_commit["repos"] for hook in repo["hooks"]]
    assert set(used) <= {hook["id"] for hook in hooks}
    inputs = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    assert set(action["steps"][0]["with"]) <= set(inputs)
    usage = (ROOT / "sdk" / "cmake" / "rproc_lint.cmake").read_text(encoding="utf-8")
    (recipe,) = _blocks("cmake")
    for word in re.findall(r"\b[A-Z_]{4,}\b", recipe.split("rproc_lint(")[1]):
        assert word in usage


def test_the_python_on_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rings = (Vring(num=16, align=16), Vring(num=16, align=16, notifyid=1))
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "fw.elf").write_bytes(_image(*rings))
    (tmp_path / "board.toml").write_text(
        '[[region]]\nname = "sram"\nda = 0x10000000\nsize = 0x40000\nkind = "ram"\n'
    )
    monkeypatch.chdir(tmp_path)
    (block,) = _blocks("python")
    names: dict[str, Any] = {}
    exec(compile(block, "lint.md", "exec"), names)
    assert names["report"].verdict.word == "accepted"
    names["test_the_image_boots"]()
    (tmp_path / "build" / "fw.elf").write_bytes(_image(Vring(num=24, align=16), rings[1]))
    with pytest.raises(AssertionError, match="V56"):
        names["test_the_image_boots"]()


def test_the_limits_on_the_page_are_the_code_s() -> None:
    limits = PAGE.split("## Limits")[1]
    assert f"{MAX_FILE >> 20} MiB" in limits
    assert f"{MAX_PER_RULE} findings of one rule" in limits
    assert f"or {MAX_FINDINGS}\nin all" in limits
