# SPDX-License-Identifier: Apache-2.0
"""Every file of tests/corpus/tables/ gets the verdict that its name carries; broken files are found out.

A name is the verdict, for a refusal the errno and most often the check, for a flaw that Linux does not mind
the rule: rejected-einval-table-version.bin, accepted-v31-overlap.bin. Images are .elf, bare tables .bin.
"""

import re
import shutil
from dataclasses import replace
from errno import errorcode
from pathlib import Path

import pytest

from resource_tables import (
    CHECKS,
    ElfImage,
    MemoryMap,
    Profile,
    Region,
    Report,
    Severity,
    load_profile,
    validate,
)
from resource_tables.lint.rules import RULES
from tests.corpus import make
from tests.corpus.files import TABLES, is_image, paths

NAME = re.compile(r"(accepted|rejected|no-table)-(?:(e[a-z]+)-)?(?:([vx]\d\d)-)?([a-z0-9-]+)\.(?:elf|bin)")
#: The beginnings of the lines that Linux logs.
LOGS = {check.id: check.log and check.log.partition(":")[0] for check in CHECKS}
MOST_BYTES = 1 << 20

MEMORY = MemoryMap(
    (
        Region("low", 0x1000, 0x1000, 0x40000, "ram"),
        Region("ram", 0x10000000, 0x20000000, 0x1000000, "ram"),
        Region("small", 0x30000000, 0x30000000, 0x1000, "reserved"),
    ),
    "test",
)
#: Of which everything is known that a rule may want to know.
TARGET = replace(load_profile("linux-6.12"), attach_window=1024, memory=MEMORY, machines=(40, 183))

#: The vendors' profiles by how the names of their files begin; the other vendors have none.
VENDORS = {
    "ti-pru": "ti-pru",
    "ti-k3": "ti-k3-r5",
    "st-": "stm32mp1-m4",
    "amd-zynqmp": "zynqmp-r5",
    "nxp": "imx-m",
    "renesas-rzg2": "renesas-rz",
    "microchip": "mpfs",
}

every_file = pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)


def parts(path: Path) -> tuple[str, str | None, str | None, str]:
    """Return verdict, errno's name, rule and the rest of a file's name."""
    match = NAME.fullmatch(path.name)
    assert match is not None, f"{path.name} does not say its verdict"
    verdict, errno, rule, rest = match.groups()
    return verdict, errno, rule, rest


def judge(path: Path, profile: Profile | str = "linux-6.12") -> Report:
    """Return the report; the name says whether a file is an image."""
    return validate(path, profile=profile, raw=not is_image(path))


def flaws() -> list[Path]:
    """Return the files that have a rule in their name."""
    return [path for path in paths() if parts(path)[2]]


def layouts() -> list[tuple[Path, str]]:
    """Return the files as vendors publish them that boot on boards, with each profile that they are for."""
    good = [path for path in paths() if parts(path)[0] == "accepted" and not parts(path)[2]]
    found = [(path, "linux-6.12") for path in good]
    for path in good:
        name = path.name.removeprefix("accepted-")
        found += [(path, profile) for prefix, profile in VENDORS.items() if name.startswith(prefix)]
    return found


@every_file
def test_a_file_gets_the_verdict_of_its_name(path: Path) -> None:
    verdict, errno, _, rest = parts(path)
    found = judge(path).verdict
    assert found.word == verdict
    assert (errno or "einval" if verdict != "accepted" else None) == (
        None if found.errno is None else errorcode[found.errno].lower()
    )
    # Where a check is named, it is the one that decides.
    if verdict == "rejected" and rest in LOGS:
        assert (found.log and found.log.partition(":")[0]) == LOGS[rest]


@pytest.mark.parametrize(("path", "profile"), layouts(), ids=lambda value: getattr(value, "stem", value))
def test_firmware_that_works_on_boards_has_no_errors(path: Path, profile: str) -> None:
    report = judge(path, profile)
    assert report.verdict.word == "accepted"
    assert [found for found in report.findings if found.severity is Severity.ERROR] == []


def test_every_vendors_profile_has_firmware() -> None:
    assert {profile for _, profile in layouts()} == {*VENDORS.values(), "linux-6.12"}


@pytest.mark.parametrize("path", flaws(), ids=lambda path: path.stem)
def test_a_flaw_is_found_by_the_rule_in_the_files_name(path: Path) -> None:
    rule = parts(path)[2]
    assert rule is not None
    report = judge(path, TARGET)
    assert rule.upper() in {found.rule for found in report.findings}


def test_every_check_of_the_kernel_has_a_file_that_fails_it() -> None:
    files = {path.stem for path in paths()}
    covered = {check.id for check in CHECKS if any(stem.endswith(check.id) for stem in files)}
    # Of these four the file would be larger than all others together, nothing refused, or the target's doing.
    other_tests = {"table-copy", "elf-section-header", "devmem-iommu", "vring-empty"}
    places = {check.id for check in CHECKS if check.applies_to in ("region", "segment")}
    assert {check.id for check in CHECKS if check.kernel} - covered <= other_tests | places


def test_every_rule_has_a_file_that_it_finds() -> None:
    found = {finding.rule for path in paths() for finding in judge(path, TARGET).findings}
    # It would need a table of 64 Ki entries.
    assert {rule.id for rule in RULES} - found <= {"V61"}


def test_the_generator_makes_the_files_that_are_here() -> None:
    built = make.built()
    assert {path.name for path in paths()} == built.keys() | make.COMPILED.keys()
    assert [name for name, data in built.items() if (TABLES / name).read_bytes() != data] == []
    assert sum(path.stat().st_size for path in paths()) < MOST_BYTES


@pytest.mark.parametrize("name", [name for name, (_, cpu) in make.COMPILED.items() if cpu != "riscv32"])
def test_a_compiler_makes_the_same_table_again(name: str, tmp_path: Path) -> None:
    assert shutil.which("arm-none-eabi-gcc"), "the tests need Debian's gcc-arm-none-eabi"
    # Compilers differ in the code that they make.
    made, kept = (
        ElfImage.parse(data) for data in (make.compiled(name, tmp_path), (TABLES / name).read_bytes())
    )
    assert made.table_bytes == kept.table_bytes
    assert made.table_section == kept.table_section
    assert [s.paddr for s in made.segments if s.is_loaded] == [s.paddr for s in kept.segments if s.is_loaded]
