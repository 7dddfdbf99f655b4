# SPDX-License-Identifier: Apache-2.0
"""Would this loader take this image, and what else is wrong with it.

The verdict comes from the loader's one list of checks (``resource_tables.checks``); every failure of a check
becomes a finding through the rule that names the check, and what no loader looks at is looked at by the
rules' own functions.
"""

import os
from collections.abc import Iterator

from resource_tables.check import Check, Failure
from resource_tables.checks import ImageSubject, TableSubject, failures
from resource_tables.checks_elf import Translate
from resource_tables.checks_table import Memory
from resource_tables.elf_header import ELF_MAGIC, ElfHeader
from resource_tables.errors import TableError
from resource_tables.files import read_bounded
from resource_tables.layout import TableLayout
from resource_tables.lint.collector import Collector
from resource_tables.lint.finding import ACCEPTED, NO_TABLE, REJECTED, Report, Verdict
from resource_tables.lint.profile import Profile, load_profile, profile_for
from resource_tables.lint.rules import RULES
from resource_tables.lint.rules.context import MAX_ENTRIES, MAX_JUDGED, Context
from resource_tables.memory_map import MemoryMap, Region, read_memory_map

#: What is looked at before there is a table; a target that needs none boots on when one of these fails.
_FINDS_TABLE = ("section", "table bytes", "table")
#: What is no part of the table.
_AROUND_TABLE = ("image", "section", "segment")
#: Without these nobody can say which sections there are.
_FINDS_SECTIONS = frozenset(("elf-shoff", "elf-shnum", "elf-shstrndx", "elf-section-header"))


def validate(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview,
    *,
    profile: Profile | str | os.PathLike[str] | None = None,
    memory_map: MemoryMap | str | os.PathLike[str] | None = None,
    raw: bool | None = None,
    name: str | None = None,
) -> Report:
    """Check a firmware image, or a bare table, for one loader.

    A path names an image unless ``raw`` is True; bytes are an image where they begin with the ELF magic,
    unless ``raw`` says which. ``profile`` is one, its name or the path of its file; None takes the usual one
    for the image's machine. ``memory_map`` None takes that of the profile. ``name`` is what the report calls
    the image. Whatever the bytes are, the result is a report. Raises UnreadableError for a file that cannot
    be read, ProfileError and MemoryMapError for what those say. Thread safety: any thread.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        shown = name or "<bytes>"
        is_image = data.startswith(ELF_MAGIC) if raw is None else not raw
    else:
        data, shown, is_image = read_bounded(source), name or os.fspath(source), not raw
    if profile is None:
        profile = profile_for(ElfHeader(data).machine if data.startswith(ELF_MAGIC) else None)
    elif not isinstance(profile, Profile):
        profile = load_profile(profile)
    if memory_map is None:
        memory_map = profile.memory
    elif not isinstance(memory_map, MemoryMap):
        memory_map = read_memory_map(memory_map)
    return _report(Context(data, profile, memory_map, is_image), shown)


def _report(context: Context, name: str) -> Report:
    collector = Collector(context)
    verdict: Verdict | None = None
    failed: set[str] = set()
    for failure in _failures(context):
        if verdict is not None and _only_follows(failure.check, failed, context):
            continue
        failed.add(failure.check.id)
        refused = _is_refused(failure, context.profile)
        if verdict is None and refused:
            verdict = _decide(failure, context.profile)
        collector.add_failure(failure, refused=refused)
    for rule in RULES:
        collector.run(rule)
    if verdict is None:
        verdict = Verdict(NO_TABLE if context.is_image and context.section is None else ACCEPTED)
    return Report(
        path=name,
        profile=context.profile.name,
        verdict=verdict,
        findings=collector.in_order(),
        omitted=collector.omitted,
        layout=_decoded(context),
        data=context.data,
        context=context,
    )


def _only_follows(check: Check, failed: set[str], context: Context) -> bool:
    """Whether a failure behind the one that ends the boot says nothing of its own, and leads astray."""
    if check.id == "table-section":
        return not failed.isdisjoint(_FINDS_SECTIONS)
    return context.has_foreign_table and check.applies_to not in _AROUND_TABLE


def _failures(context: Context) -> Iterator[Failure]:
    """Yield what any loader refuses; which of it the profile's does is for the caller to say."""
    iommu = context.profile.iommu is not False
    reserved = context.memory.reserved if context.memory is not None else ()
    platform = {region.name: Memory(region.da, region.size) for region in reversed(reserved)}
    if context.is_image:
        return failures(ImageSubject(context.data, _translate(context), iommu, MAX_JUDGED, platform))
    return failures(TableSubject(context.data, iommu, MAX_JUDGED, platform))


def _translate(context: Context) -> Translate | None:
    """Return the loader's question whether a range lies in one piece of the core's memory.

    Without a memory map it is not asked: a platform may have memory that no table mentions.
    """
    memory = context.memory
    if memory is None:
        return None
    carveouts = MemoryMap(tuple(Region(c.text, c.da, c.da, c.size) for c in context.carveouts if c.is_fixed))

    def translate(da: int, size: int) -> bool:
        return memory.containing(da, size) is not None or carveouts.containing(da, size) is not None

    return translate


def _is_refused(failure: Failure, profile: Profile) -> bool:
    """Whether the profile's loader has the check that failed, and minds."""
    check = failure.check
    if check.id == "table-section" and not profile.table_required:
        return False
    return profile.refuses(check.id, check.kernel)


def _decide(failure: Failure, profile: Profile) -> Verdict | None:
    """Return the verdict when this failure makes it, or None when the loader goes on."""
    check = failure.check
    # A device that is left out, and what is found out while loading, are errors on an accepted image.
    if check.swallowed or check.applies_to == "segment":
        return None
    errno = check.errno if profile.speaks_linux else None
    log = failure.log if profile.speaks_linux else profile.log.get(check.id)
    if check.applies_to == "image":
        return Verdict(REJECTED, errno, log)
    if profile.drops_table or (check.applies_to in _FINDS_TABLE and not profile.table_required):
        return Verdict(NO_TABLE, None, log)
    return Verdict(NO_TABLE if check.id == "table-section" else REJECTED, errno, log)


def _decoded(context: Context) -> TableLayout | None:
    if context.table is None or len(context.table) > MAX_ENTRIES:
        return None
    try:
        return TableLayout.parse(context.table.raw)
    except TableError:
        return None
