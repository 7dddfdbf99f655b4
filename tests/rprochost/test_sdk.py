# SPDX-License-Identifier: Apache-2.0
"""Building an ECU with the flags of the SDK."""

from pathlib import Path

import pytest

from rprochost import BuildError
from rprochost.sdk import build_ecu, find_compiler


def test_what_the_compiler_says_is_the_error_and_its_command_the_hint(tmp_path: Path) -> None:
    source = tmp_path / "door.c"
    source.write_text("no C\n")
    compiler = find_compiler()
    assert compiler is not None, "make test needs a C compiler"
    with pytest.raises(BuildError, match=r"libdoor\.so does not build: .*door\.c:1") as caught:
        build_ecu(compiler, [source], tmp_path / "libdoor.so", library=True)
    assert caught.value.hint.startswith(compiler)
    assert caught.value.rule == "ECU_BUILD"
