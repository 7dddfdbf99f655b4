# SPDX-License-Identifier: Apache-2.0
"""Profiles: what those of the project say, what a user's may say, and what a wrong one gets."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import (
    CHECKS,
    OWN_CHECKS,
    Profile,
    ProfileError,
    ResourceTable,
    Severity,
    UnreadableError,
    emit,
    load_profile,
    profile_for,
    profile_names,
    validate,
)
from resource_tables.lint.profile import LOADERS

EM_386, EM_ARM, EM_X86_64, EM_TI_PRU, EM_AARCH64, EM_RISCV = 3, 40, 62, 144, 183, 243

NAMES = (
    "ecu-host",
    "imx-m",
    "linux-6.1",
    "linux-6.12",
    "mpfs",
    "openamp",
    "renesas-rz",
    "stm32mp1-m4",
    "ti-k3-r5",
    "ti-pru",
    "zynqmp-r5",
)


def written(tmp_path: Path, text: str) -> Path:
    """Return the path of a profile with that text."""
    path = tmp_path / "board.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_profiles_of_the_project_are_there() -> None:
    assert profile_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_of_the_project_names_real_checks_and_machines(name: str) -> None:
    profile = load_profile(name)
    assert (profile.name, profile.loader in LOADERS) == (name, True)
    assert profile.title
    assert profile.ignored <= {check.id for check in CHECKS if check.kernel}
    assert profile.also <= {check.id for check in OWN_CHECKS}
    assert set(profile.machines) <= {EM_ARM, EM_X86_64, EM_TI_PRU, EM_AARCH64, EM_RISCV}
    if profile.memory is not None:
        assert profile.memory.source == f"profile {name}"
        # No region of a target lies beyond what a table can name.
        assert all(region.end <= 1 << 32 for region in profile.memory.regions)


def test_the_two_linux_versions_differ_in_the_section_header_checks_only() -> None:
    old, new = load_profile("linux-6.1"), load_profile("linux-6.12")
    assert old.ignored == {"elf-shoff", "elf-shnum", "elf-shstrndx"}
    assert new.ignored == {"elf-section-header"}
    assert not old.own and not new.own
    assert (old.iommu, new.iommu, old.memory, new.memory) == (None, None, None, None)


def test_only_the_host_of_this_pc_has_the_checks_that_linux_lacks() -> None:
    assert [name for name in NAMES if load_profile(name).own] == ["ecu-host"]


def test_targets_whose_driver_needs_no_table_say_so() -> None:
    tolerant = [name for name in NAMES if not load_profile(name).table_required]
    assert tolerant == ["imx-m", "mpfs", "openamp", "renesas-rz", "stm32mp1-m4", "ti-pru", "zynqmp-r5"]


@pytest.mark.parametrize("name", ["imx-m", "ti-pru"])
def test_an_empty_table_is_usual_where_none_is_needed(name: str) -> None:
    (finding,) = validate(emit(ResourceTable(())), profile=name).findings
    assert (finding.rule, finding.severity) == ("V09", Severity.INFO)


def test_a_check_is_refused_for_by_who_has_it() -> None:
    old, host = load_profile("linux-6.1"), load_profile("ecu-host")
    assert [profile.refuses("elf-shoff", True) for profile in (old, host)] == [False, True]
    assert [profile.refuses("vring-num", False) for profile in (old, host)] == [False, True]
    assert load_profile("openamp").refuses("elf-phdrs", False)


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        (EM_X86_64, "ecu-host"),
        (EM_AARCH64, "ecu-host"),
        (EM_ARM, "linux-6.12"),
        (EM_386, "linux-6.12"),
        (0xFFFF, "linux-6.12"),
        (None, "linux-6.12"),
    ],
)
def test_the_usual_profile_follows_from_the_machine(machine: int | None, name: str) -> None:
    assert profile_for(machine).name == name


EVERY_KEY = """\
title = "my board"
loader = "linux-6.1"
ignored = ["elf-shoff"]
also = ["elf-phdrs"]
own = true
iommu = true
table_required = false
drops_table = true
zero_is_any = true
machines = [40]
attach_window = 1024

[vendor_types]
5 = "interrupt map"
0x81 = "power"

[severity]
V61 = "info"

[log]
elf-size = "too short"

[[region]]
name = "sram"
da = 0x1000
size = 0x1000
"""


def test_every_key_reaches_its_field(tmp_path: Path) -> None:
    profile = load_profile(written(tmp_path, EVERY_KEY))
    assert (profile.name, profile.title, profile.loader) == ("board", "my board", "linux-6.1")
    assert (profile.ignored, profile.also) == (frozenset(["elf-shoff"]), frozenset(["elf-phdrs"]))
    assert (profile.own, profile.iommu, profile.table_required, profile.drops_table, profile.zero_is_any) == (
        True,
        True,
        False,
        True,
        True,
    )
    assert (profile.machines, profile.attach_window) == ((40,), 1024)
    assert dict(profile.vendor_types) == {5: "interrupt map", 0x81: "power"}
    assert dict(profile.severity) == {"V61": Severity.INFO}
    assert dict(profile.log) == {"elf-size": "too short"}
    assert profile.memory is not None
    assert [region.name for region in profile.memory.regions] == ["sram"]


def test_every_field_has_a_key_in_that_file() -> None:
    keys = {line.split(" = ")[0].strip("[]") for line in EVERY_KEY.splitlines() if line}
    assert set(Profile.__slots__) - {"name", "memory"} <= keys


def test_a_base_is_kept_where_the_file_says_nothing(tmp_path: Path) -> None:
    text = 'base = "zynqmp-r5"\nattach_window = 512\n[vendor_types]\n4 = "mine"\n'
    profile, base = load_profile(written(tmp_path, text)), load_profile("zynqmp-r5")
    assert (profile.name, profile.attach_window) == ("board", 512)
    assert dict(profile.vendor_types) == {4: "mine", 5: "fw_chksum"}
    assert (profile.loader, profile.memory, profile.machines) == (base.loader, base.memory, base.machines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('title = "x"', '"loader" is missing'),
        ('loader = "linux-6.1"', '"title" is missing'),
        ('base = "linux-5"', "base must be one of ecu-host, imx-m"),
        ("base = 1", "base must be one of"),
        ("base = []", "base must be one of"),
        ('base = "linux-6.1"\nloader = "uboot"', "board.toml:2: loader must be one of linux-6.1"),
        ('base = "linux-6.1"\ntitle = ""', "title must be a string"),
        ('base = "linux-6.1"\nignored = ["elf"]', "board.toml:2: ignored names no check: 'elf'"),
        ('base = "linux-6.1"\nalso = "elf-phdrs"', "also must be an array of checks"),
        ('base = "linux-6.1"\nalso = [[]]', "also must be a string"),
        ('base = "linux-6.1"\nown = 1', "own must be true or false"),
        ('base = "linux-6.1"\niommu = "no"', "iommu must be true or false"),
        ('base = "linux-6.1"\nmachines = 40', "machines must be an array of numbers"),
        ('base = "linux-6.1"\nmachines = [true]', "machines must be a 32-bit number"),
        ('base = "linux-6.1"\nattach_window = -1', "attach_window must be a 32-bit number"),
        ('base = "linux-6.1"\nvendor_types = 5', "vendor_types must be a table"),
        ('base = "linux-6.1"\n[vendor_types]\nx = "y"', "vendor_types names no number: 'x'"),
        ('base = "linux-6.1"\n[vendor_types]\n5 = 5', "vendor_types must be a string"),
        ('base = "linux-6.1"\n[severity]\nV99 = "info"', "severity names no rule: 'V99'"),
        ('base = "linux-6.1"\n[severity]\nV61 = "fatal"', "severity must be info, warning, error"),
        ('base = "linux-6.1"\n[log]\nx = "y"', "log names no check: 'x'"),
        ('base = "linux-6.1"\n[[region]]\nname = "a"', 'region 0: "size" is missing'),
        ('base = "linux-6.1"\ntitel = "x"', 'board.toml:2: unknown key "titel"'),
        ("base = ", "not TOML"),
        ("x", "not TOML"),
        ("x = " + "9" * 5000, "not TOML"),
        ("x = " + "[" * 5000, "not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_name_without_a_profile_gets_the_list() -> None:
    with pytest.raises(ProfileError, match='no profile is named "linux-7"') as caught:
        load_profile("linux-7")
    assert "ecu-host, imx-m" in caught.value.hint


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a/b", "a\0b", "../profiles/linux-6.1", "x" * 5000])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises((ProfileError, UnreadableError)):
        load_profile(name)


def test_a_profile_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"none\.toml: No such file"):
        load_profile(tmp_path / "none.toml")
    with pytest.raises(UnreadableError, match="Is a directory"):
        load_profile(tmp_path)


@given(st.text(max_size=60) | st.sampled_from(EVERY_KEY.splitlines()).map(lambda line: EVERY_KEY + line))
def test_any_text_gives_a_profile_or_a_named_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    try:
        assert load_profile(path).name == "any"
    except ProfileError as error:
        assert "any.toml" in str(error)
