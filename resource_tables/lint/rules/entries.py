# SPDX-License-Identifier: Apache-2.0
"""The rules on entries whatever their type, V17 to V24.

Source: Linux remoteproc_core.c: rproc_handle_resources and the handlers it calls.
"""

from collections.abc import Iterator

from resource_tables.lint.rules.context import Context, Memory
from resource_tables.lint.rules.extents import Extent, extents, host_writes_in
from resource_tables.lint.rules.rule import Rule, Severity, Spot
from resource_tables.lint.rules.spots import entry_spot
from resource_tables.model import NAME_BYTES, RSC_CARVEOUT, RSC_VDEV, RSC_VENDOR_END, RSC_VENDOR_START
from resource_tables.view import EntryView

_HANDLE = "remoteproc_core.c: rproc_handle_resources"
_HANDLERS = (
    "remoteproc_core.c: rproc_handle_carveout, rproc_handle_devmem, rproc_handle_trace, rproc_handle_vdev"
)
_BY_NAME = "remoteproc_core.c: rproc_find_carveout_by_name"

_KINDS = ("carveout", "devmem", "trace", "vdev")
_NUL = b"\0"


def _is_known(context: Context, type_: int) -> bool:
    """Whether the target's driver has the type; TI keeps a version in the upper half of the word."""
    types = context.profile.vendor_types
    return type_ <= RSC_VDEV or type_ in types or type_ & 0xFFFF in types


def _is_vendor(type_: int) -> bool:
    return RSC_VENDOR_START <= type_ <= RSC_VENDOR_END


def _type_spot(entry: EntryView, message: str) -> Spot:
    return Spot(message=message, offset=entry.offset, entry=entry.index, field="type")


def _skipped(context: Context) -> Iterator[Spot]:
    for entry in context.entries:
        type_ = entry.type
        if _is_known(context, type_) or _is_vendor(type_):
            continue
        message = f"entry {entry.index} has type {type_:#x}, Linux skips it"
        version, kind = type_ >> 16, type_ & 0xFFFF
        if version and kind <= RSC_VDEV:
            message += f": it compares all 32 bits, this is a {_KINDS[kind]} with {version} in the upper half"
        yield _type_spot(entry, message)


def _not_for_target(context: Context) -> Iterator[Spot]:
    for entry in context.entries:
        if _is_vendor(entry.type) and not _is_known(context, entry.type):
            message = f"entry {entry.index} has the vendor type {entry.type}"
            yield _type_spot(entry, f"{message}, which {context.profile.name} does not know")


def _running_into(context: Context) -> Iterator[Spot]:
    """Compare each entry with the one before it that reaches furthest; one offset used twice is for V13."""
    furthest: Extent | None = None
    for extent in extents(context):
        if furthest is not None and furthest.start < extent.start < furthest.end:
            yield _overlap_spot(furthest, extent)
        if furthest is None or extent.end > furthest.end:
            furthest = extent


def _overlap_spot(first: Extent, second: Extent) -> Spot:
    end = min(first.end, second.end)
    written = any(host_writes_in(each.entry, second.start, end) for each in (first, second))
    message = (
        f"entry {first.entry.index} reaches from {first.start:#x} to {first.end:#x}, "
        f"into entry {second.entry.index} at {second.start:#x}"
    )
    return Spot(
        message=message,
        offset=second.start,
        size=end - second.start,
        entry=second.entry.index,
        severity=Severity.ERROR if written else None,
    )


def _named(context: Context) -> Iterator[Memory]:
    yield from context.carveouts
    yield from context.devmems
    yield from context.traces


def _unterminated(context: Context) -> Iterator[Spot]:
    for memory in _named(context):
        if _NUL not in memory.name_field:
            message = f"the name of entry {memory.entry.index} has no NUL in its {NAME_BYTES} bytes"
            yield entry_spot(memory.entry, "name", message)


def _unprintable(context: Context) -> Iterator[Spot]:
    for memory in _named(context):
        odd = [byte for byte in memory.name if not 0x21 <= byte <= 0x7E or byte == ord("/")]
        if odd:
            shown = "'/'" if odd[0] == ord("/") else "a space" if odd[0] == ord(" ") else f"byte {odd[0]:#x}"
            yield entry_spot(memory.entry, "name", f"the name of entry {memory.entry.index} holds {shown}")


def _late_carveout(context: Context) -> Iterator[Spot]:
    before = None
    for entry in context.entries:
        if entry.type != RSC_CARVEOUT:
            before = entry
        elif before is not None:
            message = f"entry {entry.index}, a carveout, comes behind entry {before.index}, which is none"
            yield Spot(message=message, offset=entry.offset, entry=entry.index, field="type")
            return


RULES = (
    Rule(
        id="V17",
        title="entry-type",
        severity=Severity.WARNING,
        reason="Linux knows the types 0 to 3 and hands 128 to 512 to the platform; it skips every other with "
        "a warning.",
        source=_HANDLE,
        hint="If the entry is a vendor's, choose the profile of its target; else correct the type.",
        function=_skipped,
    ),
    Rule(
        id="V18",
        title="entry-vendor-type",
        severity=Severity.WARNING,
        reason="A platform's driver that does not know a vendor's entry skips it with a warning, or ends the "
        "boot.",
        source=f"{_HANDLE} (rproc_handle_rsc)",
        hint="Choose the profile of the target, or name the type under vendor_types in one of your own.",
        function=_not_for_target,
    ),
    Rule(
        id="V19",
        title="entry-size",
        severity=Severity.ERROR,
        reason="An entry that reaches past the end of the table is refused.",
        source=_HANDLERS,
        hint="Declare the whole structure, and check num_of_vrings and config_len against what follows it.",
        checks=("carveout-size", "devmem-size", "trace-size", "vdev-size"),
    ),
    Rule(
        id="V20",
        title="entries-apart",
        severity=Severity.WARNING,
        reason="Linux compares an entry with the end of the table only: what the host writes to one of two "
        "that overlap damages the other.",
        source=_HANDLERS,
        hint="Check num_of_vrings, config_len and offset[] against the structures.",
        function=_running_into,
    ),
    Rule(
        id="V21",
        title="entry-reserved",
        severity=Severity.WARNING,
        reason="The reserved fields of an entry must be 0; some firmware keeps a vdev's role there.",
        source=_HANDLERS,
        hint="Set the reserved fields to 0.",
        checks=("carveout-reserved", "devmem-reserved", "trace-reserved", "vdev-reserved"),
    ),
    Rule(
        id="V22",
        title="name-terminated",
        severity=Severity.WARNING,
        reason="Linux reads on behind a name without NUL, into the next entry, wherever it looks for a "
        "carveout or prints the table.",
        source=f"{_BY_NAME}; remoteproc_debugfs.c: rproc_rsc_table_show",
        hint=f"Cut the name to {NAME_BYTES - 1} bytes.",
        function=_unterminated,
    ),
    Rule(
        id="V23",
        title="name-printable",
        severity=Severity.WARNING,
        reason="Names are compared byte for byte with those of the device tree and printed as they are.",
        source=f"{_BY_NAME}; remoteproc_debugfs.c: rproc_rsc_table_show",
        hint="Use printable ASCII without spaces and '/'.",
        function=_unprintable,
    ),
    Rule(
        id="V24",
        title="carveouts-first",
        severity=Severity.INFO,
        reason="Linux recommends carveouts before all other entries; rings and carveouts get their memory in "
        "the order of the table.",
        source="include/linux/remoteproc.h: struct fw_rsc_carveout",
        hint="Move the carveouts to the front of offset[].",
        function=_late_carveout,
    ),
)
