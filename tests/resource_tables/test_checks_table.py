# SPDX-License-Identifier: Apache-2.0
"""Each check on a table: bytes that pass and bytes that fail, with errno and log line, in Linux's order."""

import pickle
import struct
from errno import EINVAL, ENOMEM

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import (
    ADDR_ANY,
    CHECKS,
    OWN_CHECKS,
    Failure,
    LoaderError,
    TableError,
    TableSubject,
    Violation,
    check_region,
    check_table,
    run_checks,
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
from tests.resource_tables.test_registered import CASES as LATE_CASES

RINGS = (raw_vring(notifyid=0), raw_vring(notifyid=1))
GOOD = raw_table(raw_carveout(), raw_devmem(), raw_trace(), raw_vdev(*RINGS, config=b"cfg"))


def one_ring(num: int = 256, align: int = 16, da: int = ADDR_ANY) -> bytes:
    """Return a table of one vdev with this ring; the ring lies at 48."""
    return raw_table(raw_vdev(raw_vring(num, align, da)))


def table_with_offset(offset: int) -> bytes:
    """Return 24 bytes of table with one entry at ``offset``."""
    return struct.pack("<6I", 1, 1, 0, 0, offset, 99)


# id, errno, log line, offset, a table that passes, a table that breaks the rule (the entry lies at 20)
CASES = [
    ("table-header", EINVAL, "header-less resource table", 15, GOOD[:16], GOOD[:15]),
    ("table-version", EINVAL, "unsupported fw ver: 4", 0, raw_table(), raw_table(version=4)),
    ("table-reserved", EINVAL, "non zero reserved bytes", 8, raw_table(), raw_table(reserved=(1, 0))),
    ("table-reserved", EINVAL, "non zero reserved bytes", 12, raw_table(), raw_table(reserved=(0, 1))),
    (
        "table-num",
        EINVAL,
        "resource table incomplete",
        4,
        table_with_offset(20),
        struct.pack("<5I", 1, 0x40000001, 0, 0, 16),
    ),
    (
        "table-copy",
        ENOMEM,
        None,
        0,
        raw_table().ljust(4 << 20, b"\0"),
        raw_table().ljust((4 << 20) + 1, b"\0"),
    ),
    (
        "entry-offset-header",
        EINVAL,
        "rsc table is truncated",
        16,
        table_with_offset(20),
        table_with_offset(15),
    ),
    ("entry-offset-end", EINVAL, "rsc table is truncated", 16, table_with_offset(20), table_with_offset(24)),
    ("entry-offset-end", EINVAL, "rsc table is truncated", 16, GOOD, table_with_offset(0xFFFFFFFC)),
    ("entry-type-room", EINVAL, "rsc table is truncated", 16, table_with_offset(20), table_with_offset(21)),
    (
        "carveout-size",
        EINVAL,
        "carveout rsc is truncated",
        20,
        raw_table(raw_carveout()),
        raw_table(raw_carveout()[:-1]),
    ),
    (
        "carveout-reserved",
        EINVAL,
        "carveout rsc has non zero reserved bytes",
        40,
        raw_table(raw_carveout()),
        raw_table(raw_carveout(reserved=1)),
    ),
    (
        "carveout-name",
        ENOMEM,
        "Carveout already associated to resource table",
        104,
        raw_table(raw_carveout(b"a"), raw_carveout(b"b")),
        raw_table(raw_carveout(b"a"), raw_carveout(b"a")),
    ),
    ("carveout-len", EINVAL, None, 32, raw_table(raw_carveout(size=1)), raw_table(raw_carveout(size=0))),
    (
        "carveout-range",
        EINVAL,
        None,
        24,
        raw_table(raw_carveout(da=0xFFFFF000)),
        raw_table(raw_carveout(da=0xFFFFF000, size=0x1001)),
    ),
    (
        "devmem-size",
        EINVAL,
        "devmem rsc is truncated",
        20,
        raw_table(raw_devmem()),
        raw_table(raw_devmem()[:-1]),
    ),
    (
        "devmem-reserved",
        EINVAL,
        "devmem rsc has non zero reserved bytes",
        40,
        raw_table(raw_devmem()),
        raw_table(raw_devmem(reserved=1)),
    ),
    ("trace-size", EINVAL, "trace rsc is truncated", 20, raw_table(raw_trace()), raw_table(raw_trace()[:-1])),
    (
        "trace-reserved",
        EINVAL,
        "trace rsc has non zero reserved bytes",
        32,
        raw_table(raw_trace()),
        raw_table(raw_trace(reserved=1)),
    ),
    ("vdev-size", EINVAL, "vdev rsc is truncated", 20, raw_table(raw_vdev()), raw_table(raw_vdev()[:-1])),
    (
        "vdev-size",
        EINVAL,
        "vdev rsc is truncated",
        20,
        raw_table(raw_vdev(*RINGS)),
        raw_table(raw_vdev(*RINGS)[:-1]),
    ),
    (
        "vdev-size",
        EINVAL,
        "vdev rsc is truncated",
        20,
        raw_table(raw_vdev(config=b"1234")),
        raw_table(raw_vdev(*RINGS, config_len=0xFFFFFFF0)),
    ),
    (
        "vdev-reserved",
        EINVAL,
        "vdev rsc has non zero reserved bytes",
        46,
        raw_table(raw_vdev(*RINGS)),
        raw_table(raw_vdev(*RINGS, reserved=b"\0\1")),
    ),
    (
        "vdev-vrings",
        EINVAL,
        "too many vrings: 3",
        45,
        raw_table(raw_vdev(*RINGS)),
        raw_table(raw_vdev(*RINGS, raw_vring())),
    ),
    ("vring-empty", EINVAL, "invalid qsz (0) or alignment (16)", 48, one_ring(), one_ring(num=0)),
    ("vring-empty", EINVAL, "invalid qsz (256) or alignment (0)", 48, one_ring(), one_ring(align=0)),
    ("vring-empty", EINVAL, "invalid qsz (-1) or alignment (0)", 48, one_ring(), one_ring(0xFFFFFFFF, 0)),
    ("vring-single", EINVAL, None, 56, one_ring(num=2), one_ring(num=1)),
    ("vring-num", EINVAL, None, 56, one_ring(num=32768), one_ring(num=65536)),
    ("vring-num", EINVAL, None, 56, one_ring(num=64), one_ring(num=48)),
    ("vring-align", EINVAL, None, 52, one_ring(align=4), one_ring(align=2)),
    ("vring-align", EINVAL, None, 52, one_ring(align=16), one_ring(align=24)),
    ("vring-da", EINVAL, None, 48, one_ring(da=0), one_ring(da=8)),
]
TABLE_CASES = pytest.mark.parametrize(
    ("rule", "errno", "log", "offset", "good", "bad"), CASES, ids=[case[0] for case in CASES]
)
SWALLOWED = {"vring-empty"}


def rules(data: bytes, *, stop_at_first: bool = False) -> list[str]:
    """Return the ids of the checks that fail."""
    return [failure.check.id for failure in run_checks(TableSubject(data), stop_at_first=stop_at_first)]


def test_a_sound_table_breaks_no_rule() -> None:
    assert rules(GOOD) == []
    assert check_table(GOOD) == ()


@TABLE_CASES
def test_a_table_that_breaks_a_rule_fails_as_in_linux(
    rule: str, errno: int, log: str | None, offset: int, good: bytes, bad: bytes
) -> None:
    assert rule not in rules(good)
    failure = run_checks(TableSubject(bad), stop_at_first=True)[0]
    assert (failure.check.id, failure.check.errno, failure.log, failure.offset) == (rule, errno, log, offset)


@TABLE_CASES
def test_the_loader_raises_what_linux_fails_for_and_gets_back_what_linux_swallows(
    rule: str, errno: int, log: str | None, offset: int, good: bytes, bad: bytes
) -> None:
    if rule in SWALLOWED:
        (failure,) = check_table(bad)
        assert (failure.check.id, failure.check.swallowed, failure.log) == (rule, True, log)
        return
    with pytest.raises(LoaderError) as caught:
        check_table(bad)
    error = caught.value
    assert (error.rule, error.errno, error.log, error.offset) == (rule, errno, log, offset)
    assert error.hint
    assert isinstance(error, TableError)


def test_a_devmem_without_iommu_fails_without_a_log_line_even_when_cut_off() -> None:
    assert check_table(raw_table(raw_devmem())) == ()
    for table in (raw_table(raw_devmem()), raw_table(raw_devmem()[:-1])):
        with pytest.raises(LoaderError) as caught:
            check_table(table, iommu=False)
        assert (caught.value.rule, caught.value.errno, caught.value.log) == ("devmem-iommu", EINVAL, None)


# rule, log line, wanted da and size, registered da and size: one that passes, one that fails
REGION_CASES = [
    (
        "region-len",
        "Registered carveout doesn't fit len request",
        (0x1000, 16, 0x1000, 16),
        (0x1000, 17, 0x1000, 16),
    ),
    ("region-any", None, (ADDR_ANY, 16, ADDR_ANY, 16), (0x1000, 16, ADDR_ANY, 16)),
    (
        "region-da",
        "Registered carveout doesn't fit da request",
        (ADDR_ANY, 1, 0x1000, 16),
        (0xFFF, 1, 0x1000, 16),
    ),
    (
        "region-end",
        "Registered carveout doesn't fit len request",
        (0x100F, 1, 0x1000, 16),
        (0x100F, 2, 0x1000, 16),
    ),
]


@pytest.mark.parametrize(("rule", "log", "good", "bad"), REGION_CASES, ids=[case[0] for case in REGION_CASES])
def test_a_request_that_fits_no_registered_region_is_out_of_memory(
    rule: str, log: str | None, good: tuple[int, int, int, int], bad: tuple[int, int, int, int]
) -> None:
    check_region(*good)
    with pytest.raises(LoaderError) as caught:
        check_region(*bad)
    assert (caught.value.rule, caught.value.errno, caught.value.log) == (rule, ENOMEM, log)


def test_region_differences_do_not_wrap_as_in_linux() -> None:
    check_region(0x9000_0000, 0x1000, 0x1000_0000, 0xC000_0000)
    with pytest.raises(LoaderError, match="len request"):
        check_region(0x7FFF_F000, 0x8000_2000, 0, 0x9000_0000)


def test_every_check_in_the_list_has_a_case() -> None:
    covered = {case[0] for case in (*IMAGE_CASES, *CASES, *REGION_CASES, *LATE_CASES)} | {
        "devmem-iommu",
        "elf-section-header",
    }
    assert {check.id for check in CHECKS} == covered


def test_a_silent_failure_is_told_as_what_is_needed_and_not_as_its_opposite() -> None:
    (check,) = (check for check in CHECKS if check.id == "table-section")
    failure = Failure(check=check, violation=Violation(), subject=None)
    assert failure.message == "needs: the image has a section named .resource_table"
    assert str(failure.error().strerror) == failure.message


def test_the_list_names_each_check_once_and_says_what_to_do() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    assert all(check.hint and check.requires and ": " in check.source for check in CHECKS)
    assert {check.id for check in CHECKS if check.swallowed} == SWALLOWED
    assert {check.id for check in OWN_CHECKS} == {
        "elf-phdrs",
        "carveout-len",
        "carveout-range",
        "vring-num",
        "vring-single",
        "vring-align",
        "vring-da",
    }


def test_checks_are_listed_in_the_order_of_a_boot() -> None:
    ids = [check.id for check in CHECKS]
    order = ["elf-size", "elf-phnum", "table-section", "table-header", "table-num", "entry-offset-header"]
    order += ["carveout-size", "carveout-name", "vdev-size", "vdev-vrings", "vring-empty", "segment-sizes"]
    assert [rule for rule in ids if rule in order] == order


def test_failures_come_in_table_order_and_within_an_entry_in_handler_order() -> None:
    table = raw_table(
        raw_trace(reserved=1),
        raw_vdev(raw_vring(num=0), raw_vring(num=3), reserved=b"\1\0"),
        raw_carveout(reserved=1, size=0),
        version=2,
        reserved=(1, 1),
    )
    assert rules(table) == [
        "table-version",
        "table-reserved",
        "trace-reserved",
        "vdev-reserved",
        "vring-empty",
        "vring-num",
        "carveout-reserved",
        "carveout-len",
    ]


def test_a_swallowed_failure_does_not_hide_the_one_that_ends_the_boot() -> None:
    table = raw_table(raw_vdev(raw_vring(num=0)), raw_trace(reserved=1), raw_trace(reserved=1))
    assert rules(table, stop_at_first=True) == ["vring-empty", "trace-reserved"]
    with pytest.raises(LoaderError, match="trace rsc has non zero"):
        check_table(table)


def test_what_is_cut_off_is_reported_once_and_not_read() -> None:
    assert rules(raw_table(raw_vdev(num=200)[:-1])) == ["vdev-size"]
    assert rules(raw_table(raw_carveout(reserved=1)[:-1])) == ["carveout-size"]


def test_a_rule_can_be_ignored_by_name() -> None:
    table = raw_table(raw_vdev(*RINGS, reserved=b"\1\0"))
    assert check_table(table, ignore={"vdev-reserved"}) == ()
    with pytest.raises(LoaderError):
        check_table(table, ignore={"trace-reserved"})


def test_carveout_names_are_compared_in_their_first_31_bytes() -> None:
    long = b"x" * 31
    assert rules(raw_table(raw_carveout(long), raw_carveout(long + b"y"))) == ["carveout-name"]
    assert rules(raw_table(raw_carveout(b"a\0b"), raw_carveout(b"a\0c"))) == ["carveout-name"]
    assert rules(raw_table(raw_carveout(b""), raw_carveout(b""))) == ["carveout-name"]
    assert rules(raw_table(raw_carveout(b""), raw_trace(name=b""), raw_trace(name=b""))) == []


def test_a_percent_sign_in_a_name_means_nothing() -> None:
    assert rules(raw_table(raw_carveout(b"%s%n"), raw_carveout(b"%d"))) == []


@given(st.binary(max_size=200), st.booleans())
def test_no_table_makes_a_check_fail_with_a_foreign_error(tail: bytes, header: bool) -> None:
    data = raw_table()[:4] + tail if header else tail
    found = run_checks(TableSubject(data), stop_at_first=False)
    assert all(failure.message for failure in found)
    try:
        check_table(data)
    except LoaderError as error:
        assert error.rule in {failure.check.id for failure in found}
    else:
        assert all(failure.check.swallowed for failure in found)


def test_an_error_keeps_its_rule_on_the_way_to_another_process() -> None:
    with pytest.raises(LoaderError) as caught:
        check_table(b"")
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.rule, error.errno, error.log) == ("table-header", EINVAL, "header-less resource table")
    assert (error.source, error.hint) == (caught.value.source, caught.value.hint)
    assert str(error) == "[Errno 22] header-less resource table"
