# SPDX-License-Identifier: Apache-2.0
"""assert_firmware_valid in somebody's test suite."""

import subprocess
import sys
from pathlib import Path

import pytest

from resource_tables import Carveout, ResourceTable, Severity, UnreadableError, Vdev, Vring, elf_image
from resource_tables.testing import assert_firmware_valid

RINGS = (Vring(num=16, align=16), Vring(num=16, align=16, notifyid=1))
CODE = Carveout(name="code", da=0x10000000, size=0x40000, flags=3)


def _image(*rings: Vring) -> bytes:
    table = ResourceTable((CODE, Vdev(id=7, dfeatures=1, vrings=rings)))
    return elf_image(table, elf_class=32, machine=40, table_addr=0x10000000, e_type=2)


GOOD = _image(*RINGS)
#: A ring of no entries costs the virtio device; rings of different sizes are odd.
BAD = _image(Vring(num=0, align=16), RINGS[1])
ODD = _image(Vring(num=32, align=16), RINGS[1])


def test_an_image_without_findings_passes_and_gives_its_report(tmp_path: Path) -> None:
    (tmp_path / "fw.elf").write_bytes(GOOD)
    report = assert_firmware_valid(tmp_path / "fw.elf", profile="linux-6.1")
    assert (report.verdict.word, report.profile) == ("accepted", "linux-6.1")
    assert assert_firmware_valid(GOOD, fail_on="warning").verdict == report.verdict


def test_findings_fail_with_the_report_as_text() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_firmware_valid(BAD)
    assert "error V55" in str(caught.value)
    assert "hint: " in str(caught.value)
    assert "^^ ^^ ^^ ^^" in str(caught.value)


@pytest.mark.parametrize("fail_on", ["warning", Severity.WARNING])
def test_the_limit_can_be_lower_than_an_error(fail_on: Severity | str) -> None:
    assert assert_firmware_valid(ODD).worst is Severity.WARNING
    with pytest.raises(AssertionError, match="warning V58"):
        assert_firmware_valid(ODD, fail_on=fail_on)


def test_a_limit_that_is_none_and_a_missing_file_are_errors_of_the_test() -> None:
    with pytest.raises(ValueError, match="must be info, warning, error"):
        assert_firmware_valid(GOOD, fail_on="sometimes")
    with pytest.raises(UnreadableError):
        assert_firmware_valid("none.elf")


def test_pytest_shows_the_line_of_the_test_and_the_report(tmp_path: Path) -> None:
    (tmp_path / "fw.elf").write_bytes(BAD)
    (tmp_path / "test_fw.py").write_text(
        "from resource_tables.testing import assert_firmware_valid\n\n"
        "def test_the_image_boots():\n"
        "    assert_firmware_valid('fw.elf')\n"
    )
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_fw.py")
    said = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    ).stdout
    assert ">       assert_firmware_valid('fw.elf')\n" in said
    assert "fw.elf:0x" in said
    assert "raise AssertionError" not in said
