# SPDX-License-Identifier: Apache-2.0
"""The verdict of each loader, what becomes a finding of it, how bad that is, and where it is shown."""

import errno
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from cores.pyload import build_image, load_class
from resource_tables import (
    CHECKS,
    MemoryMap,
    Profile,
    Region,
    Report,
    SegmentSpec,
    Severity,
    Verdict,
    elf_image,
    load_profile,
    parse,
    profile_names,
    validate,
)
from tests.resource_tables.strategies import (
    raw_carveout,
    raw_devmem,
    raw_table,
    raw_trace,
    raw_vdev,
    raw_vring,
)
from tests.resource_tables.test_checks_image import CASES as IMAGE_CASES
from tests.resource_tables.test_checks_image import GOOD, SIZE, patched
from tests.resource_tables.test_checks_table import CASES as TABLE_CASES

ROOT = Path(__file__).resolve().parents[2]
EM_ARM, ET_EXEC = 40, 2
MIB = 1 << 20
ACCEPTED = Verdict("accepted")
NOT_ENDING = {"segment-sizes", "segment-bounds", "segment-memory", "elf-phdrs"}

RPMSG = raw_table(raw_vdev(raw_vring(notifyid=0), raw_vring(notifyid=1)))
VERSION_4 = raw_table(raw_trace(), version=4)
BAD_RING = raw_table(raw_vdev(raw_vring(num=3), raw_vring(num=3)))


def firmware(table: bytes | None, *segments: SegmentSpec) -> bytes:
    """Return an image as a linker makes it for a small Arm core."""
    code = SegmentSpec(paddr=0x2000, data=b"code")
    return elf_image(table, elf_class=32, machine=EM_ARM, e_type=ET_EXEC, segments=(code, *segments))


def errors(report: Report) -> list[str]:
    """Return the rules that found an error."""
    return [finding.rule for finding in report.findings if finding.severity is Severity.ERROR]


@pytest.mark.parametrize("name", profile_names())
def test_a_sound_image_is_accepted_by_every_loader(name: str) -> None:
    report = validate(firmware(RPMSG), profile=name)
    assert (report.verdict, report.profile, report.table) == (ACCEPTED, name, parse(RPMSG))
    # Where the memory is known, this image's segments and rings are not made for it.
    assert load_profile(name).memory is not None or errors(report) == []


@pytest.mark.parametrize(
    ("rule", "log", "image"),
    [(rule, log, image) for rule, log, _, image in IMAGE_CASES],
    ids=lambda v: str(v)[:24],
)
def test_an_image_gets_the_errno_and_line_of_linux(rule: str, log: str | None, image: bytes) -> None:
    report = validate(image, profile="linux-6.12", raw=False)
    if rule in NOT_ENDING:
        assert report.verdict == ACCEPTED
    elif rule == "table-section":
        assert report.verdict == Verdict("no-table", errno.EINVAL, None)
    else:
        assert report.verdict == Verdict("rejected", errno.EINVAL, log)
    assert rule == "segment-memory" or report.worst is Severity.ERROR


@pytest.mark.parametrize(
    ("rule", "number", "log", "good", "bad"),
    [(rule, number, log, good, bad) for rule, number, log, _, good, bad in TABLE_CASES],
    ids=lambda value: str(value)[:24],
)
@pytest.mark.parametrize("name", ["linux-6.12", "ecu-host"])
def test_a_table_gets_the_errno_and_line_of_linux(
    rule: str, number: int, log: str | None, good: bytes, bad: bytes, name: str
) -> None:
    profile = replace(load_profile(name), iommu=True)
    (check,) = (check for check in CHECKS if check.id == rule)
    refusal = Verdict("rejected", number, log)
    expected = refusal if (check.kernel or profile.own) and not check.swallowed else ACCEPTED
    assert validate(bad, profile=profile, raw=True).verdict == expected
    assert validate(firmware(bad), profile=profile).verdict == expected
    assert validate(good, profile=profile, raw=True).verdict != refusal


def test_a_device_that_linux_leaves_out_is_an_error_on_an_accepted_image() -> None:
    report = validate(firmware(raw_table(raw_vdev(raw_vring(num=0), raw_vring()))), profile="linux-6.12")
    assert report.verdict == ACCEPTED
    (finding,) = (finding for finding in report.findings if finding.rule == "V55")
    assert (finding.severity, finding.message) == (Severity.ERROR, "invalid qsz (0) or alignment (16)")


def test_the_first_thing_that_ends_a_boot_makes_the_verdict() -> None:
    table = raw_table(
        raw_vdev(raw_vring(num=0)), raw_carveout(b"a"), raw_trace(reserved=1), raw_carveout(b"a")
    )
    verdict = validate(table, profile="linux-6.12").verdict
    assert verdict == Verdict("rejected", errno.EINVAL, "trace rsc has non zero reserved bytes")


#: Section headers that 6.12 refuses and 6.1 does not look at.
CUT_SECTIONS = patched(GOOD, "H", (60, 4))


def test_a_check_that_one_kernel_lacks_is_a_warning_there() -> None:
    new, old = (validate(CUT_SECTIONS, profile=name) for name in ("linux-6.12", "linux-6.1"))
    assert new.verdict == Verdict("rejected", errno.EINVAL, "Section headers are out of bounds")
    assert old.verdict == ACCEPTED
    (found,) = (finding for finding in old.findings if finding.rule == "X02")
    assert (found.severity, found.field, found.offset) == (Severity.WARNING, "e_shnum", 60)


def test_each_kernel_has_its_own_line_for_a_missing_section_table() -> None:
    image = patched(GOOD, "Q", (40, SIZE + 1))
    logs = [validate(image, profile=name).verdict.log for name in ("linux-6.1", "linux-6.12")]
    assert logs == ["Image is too small", "Section header table is out of bounds"]


def test_rings_no_index_survives_are_refused_here_and_taken_by_linux() -> None:
    here, linux = (validate(firmware(BAD_RING), profile=name) for name in ("ecu-host", "linux-6.12"))
    assert here.verdict.word == "rejected"
    assert linux.verdict == ACCEPTED
    # Certain to corrupt the ring, whoever boots it.
    assert "V56" in errors(here) and "V56" in errors(linux)


@pytest.mark.parametrize(
    ("iommu", "expected", "severity"),
    [
        (None, ACCEPTED, Severity.INFO),
        (True, ACCEPTED, None),
        (False, Verdict("rejected", errno.EINVAL, None), Severity.ERROR),
    ],
)
def test_a_devmem_is_refused_only_where_there_is_surely_no_iommu(
    iommu: bool | None, expected: Verdict, severity: Severity | None
) -> None:
    profile = replace(load_profile("linux-6.12"), iommu=iommu)
    report = validate(raw_table(raw_devmem()), profile=profile)
    assert report.verdict == expected
    assert next((f.severity for f in report.findings if f.rule == "V42"), None) == severity


TOLERANT = replace(load_profile("linux-6.12"), table_required=False)


def test_a_platform_that_needs_no_table_boots_without_one() -> None:
    report = validate(firmware(None), profile=TOLERANT)
    assert (report.verdict, errors(report)) == (Verdict("no-table"), [])
    assert [f.severity for f in report.findings if f.rule == "V01"] == [Severity.WARNING]
    assert validate(firmware(None), profile="linux-6.12").verdict == Verdict("no-table", errno.EINVAL)


def test_a_platform_that_needs_no_table_loses_one_with_a_bad_header_and_refuses_bad_entries() -> None:
    lost = validate(firmware(VERSION_4), profile=TOLERANT)
    assert lost.verdict == Verdict("no-table", None, "unsupported fw ver: 4")
    assert "V06" in errors(lost)
    refused = validate(firmware(raw_table(raw_trace(reserved=1))), profile=TOLERANT)
    assert refused.verdict.word == "rejected"


def test_openamp_leaves_out_a_table_that_it_refuses_and_speaks_no_linux() -> None:
    for table in (VERSION_4, raw_table(raw_carveout(reserved=1)), raw_table(raw_carveout(size=0))):
        report = validate(firmware(table), profile="openamp")
        assert report.verdict == Verdict("no-table")
        assert all(f.message.startswith("needs: ") for f in report.findings if f.rule in ("V06", "V21"))
    assert validate(firmware(raw_table(raw_trace(reserved=1))), profile="openamp").verdict == ACCEPTED
    assert validate(b"\x7fELF", profile="openamp").verdict == Verdict(
        "rejected", None, "load image data failed"
    )


def test_a_table_that_leads_openamp_outside_of_it_is_an_error_although_it_is_taken() -> None:
    table = raw_table(raw_vdev(raw_vring(), num=9))
    report = validate(firmware(table), profile="openamp")
    assert (report.verdict, "V19" in errors(report)) == (ACCEPTED, True)


BOARD = MemoryMap(
    (
        Region("sram", 0x1000, 0x1000, 0x2000, "ram"),
        Region("shared", 0x8000, 0x8000, 0x1000),
        Region("pool", 0xFFFFFFFF, 0, 0x1000),
    )
)


@pytest.mark.parametrize(
    ("carveout", "log"),
    [
        (raw_carveout(b"shared", da=0x8000, size=0x1000), "fits"),
        (raw_carveout(b"shared", size=0x1000), "fits"),
        (raw_carveout(b"shared", size=0x1001), "Registered carveout doesn't fit len request"),
        (raw_carveout(b"shared", da=0x7000, size=0x1000), "Registered carveout doesn't fit da request"),
        (raw_carveout(b"shared", da=0x8800, size=0x1000), "Registered carveout doesn't fit len request"),
        (raw_carveout(b"pool", da=0x8000, size=0x1000), None),
        (raw_carveout(b"sram", da=0x9000, size=0x9000), "fits"),
    ],
)
def test_a_carveout_that_does_not_fit_the_platforms_memory_of_its_name_ends_the_boot(
    carveout: bytes, log: str | None
) -> None:
    report = validate(raw_table(carveout), profile="linux-6.12", memory_map=BOARD)
    expected = ACCEPTED if log == "fits" else Verdict("rejected", errno.ENOMEM, log)
    assert report.verdict == expected
    assert ("V34" in errors(report)) == (log != "fits")
    assert validate(raw_table(carveout), profile="linux-6.12").verdict == ACCEPTED


def test_a_segment_outside_of_all_memory_is_an_error_where_the_memory_is_known() -> None:
    outside = firmware(RPMSG, SegmentSpec(paddr=0x9000, data=b"x"))
    for memory, carveouts, found in [
        (None, (), []),
        (BOARD, (), ["X06"]),
        (BOARD, (raw_carveout(da=0x9000, size=0x10),), []),
    ]:
        table = raw_table(raw_vdev(raw_vring(), raw_vring(notifyid=1)), *carveouts)
        image = outside if not carveouts else firmware(table, SegmentSpec(paddr=0x9000, data=b"x"))
        report = validate(image, profile="linux-6.12", memory_map=memory)
        assert report.verdict == ACCEPTED
        assert [rule for rule in errors(report) if rule == "X06"] == found


def test_a_memory_map_may_be_a_file_and_takes_the_place_of_the_profiles(tmp_path: Path) -> None:
    path = tmp_path / "board.toml"
    path.write_text('[[region]]\nname = "shared"\nsize = 16\n', encoding="utf-8")
    report = validate(raw_table(raw_carveout(b"shared")), profile="stm32mp1-m4", memory_map=path)
    assert report.verdict == Verdict("rejected", errno.ENOMEM, "Registered carveout doesn't fit len request")
    retram = raw_table(raw_carveout(b"retram", size=MIB))
    assert validate(retram, profile="stm32mp1-m4").verdict.word == "rejected"
    assert validate(retram, profile="stm32mp1-m4", memory_map=path).verdict == ACCEPTED


def test_the_profile_may_change_how_bad_a_rule_is() -> None:
    milder = replace(TOLERANT, severity={"V01": Severity.INFO})
    assert [f.severity for f in validate(firmware(None), profile=milder).findings] == [Severity.INFO]


def test_bytes_are_told_by_their_magic_and_files_are_images_unless_said_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "table.bin"
    path.write_bytes(RPMSG)
    assert [validate(RPMSG).verdict, validate(path, raw=True).verdict] == [ACCEPTED, ACCEPTED]
    assert (
        validate(path).verdict
        == validate(RPMSG, raw=False).verdict
        == Verdict("rejected", errno.EINVAL, "Image is corrupted (bad magic)")
    )
    path.write_bytes(GOOD)
    assert validate(path).verdict == ACCEPTED
    assert validate(bytearray(GOOD)).verdict == validate(memoryview(GOOD)).verdict == ACCEPTED
    assert validate(path, raw=True).verdict.log == "unsupported fw ver: 1179403647"
    assert (validate(path).path, validate(path, name="fw").path, validate(b"").path) == (
        str(path),
        "fw",
        "<bytes>",
    )


def test_the_usual_profile_follows_from_the_machine_of_the_image() -> None:
    assert validate(GOOD).profile == "ecu-host"
    assert validate(firmware(RPMSG)).profile == "linux-6.12"
    assert validate(RPMSG).profile == "linux-6.12"
    # What is no ELF file has no machine, whatever stands in the place of its number.
    assert validate(struct.pack("<16xHH", 2, 62).ljust(64, b"\0"), raw=False).profile == "linux-6.12"


def test_a_finding_shows_the_field_at_fault_in_the_file() -> None:
    image = firmware(raw_table(raw_carveout(reserved=1), raw_trace()))
    (finding,) = (f for f in validate(image, profile="linux-6.12").findings if f.rule == "V21")
    assert (finding.entry, finding.field, finding.size) == (0, "reserved", 4)
    assert finding.offset is not None
    assert image[finding.offset :][:4] == b"\1\0\0\0"
    (finding,) = (f for f in validate(patched(GOOD, "B", (4, 3))).findings if f.rule == "X01")
    assert (finding.field, finding.offset, finding.size) == ("e_ident[EI_CLASS]", 4, 1)


def test_findings_are_in_file_order_and_in_json_as_the_schema_has_them() -> None:
    table = raw_table(raw_trace(reserved=1), raw_carveout(b"%s", reserved=2), version=2)
    report = validate(firmware(table), profile="linux-6.12", name="fw.elf")
    offsets = [finding.offset for finding in report.findings if finding.offset is not None]
    assert offsets == sorted(offsets)
    shown = report.to_json()
    assert (shown["path"], shown["profile"], shown["verdict"]) == ("fw.elf", "linux-6.12", "rejected")
    assert (shown["errno"], shown["log"]) == (errno.EINVAL, "unsupported fw ver: 2")
    assert isinstance(shown["table"], dict)


def ecus() -> list[tuple[str, bytes]]:
    """Return the images of all ECUs of the examples, compiled and in Python."""
    built = [path for path in sorted((ROOT / "build" / "examples").iterdir()) if path.is_file()]
    python = load_class(ROOT / "examples" / "car" / "ecus.py", "Echo")
    return [(path.name, path.read_bytes()) for path in built] + [
        ("ecus.py:Echo", build_image(python.resource_table))
    ]


def test_every_ecu_of_the_examples_is_clean() -> None:
    images = ecus()
    assert {"echo", "libecho.so", "ecus.py:Echo"} <= {name for name, _ in images}
    for name, image in images:
        report = validate(image, name=name)
        assert (report.profile, report.verdict, report.findings) == ("ecu-host", ACCEPTED, ())


@pytest.mark.parametrize("name", profile_names())
def test_profiles_are_taken_by_name_as_values_and_from_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'base = "{name}"\n', encoding="utf-8")
    given: tuple[str | Profile | Path, ...] = (name, load_profile(name), path)
    by_name, by_value, from_file = (validate(firmware(VERSION_4), profile=one) for one in given)
    assert by_name.findings == by_value.findings
    assert [f.rule for f in from_file.findings] == [f.rule for f in by_name.findings]
    assert from_file.profile == "mine"
