# SPDX-License-Identifier: Apache-2.0
"""Whoever types what the README says gets what it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
BLOCK = re.compile(r"<!-- (file: (?P<file>\S+)|run) -->\n```\w+\n(?P<text>.*?)```\n", re.DOTALL)


def test_the_first_ecu_and_the_first_host_program_work_as_printed(tmp_path: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    output = ""
    for block in BLOCK.finditer(README.read_text(encoding="utf-8")):
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"], encoding="utf-8")
            continue
        result = subprocess.run(
            ["sh", "-ec", block["text"]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        output += result.stdout
    expected = [f"{name}: {count} knocks" for name in ("left", "right") for count in (1, 2, 3)]
    assert output.splitlines() == expected


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", README.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
