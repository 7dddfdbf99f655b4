# SPDX-License-Identifier: Apache-2.0
"""The list of rules for people: one rule as text, and all of them as ``docs/rules.md``.

``python -m resource_tables.lint.rules.page > docs/rules.md`` writes the page anew; a test compares the two.
"""

import re
import sys

from resource_tables.check import Check
from resource_tables.checks import CHECKS
from resource_tables.lint.reports.words import errno_name
from resource_tables.lint.rules import RULES
from resource_tables.lint.rules.rule import Rule, Severity

_CHECKS = {check.id: check for check in CHECKS}
_GROUPS = (
    ("The table", "V01", "V16"),
    ("Entries", "V17", "V24"),
    ("Carveouts", "V25", "V41"),
    ("Devmem and trace", "V42", "V48"),
    ("Virtio devices and their rings", "V49", "V60"),
    ("The validator's own limits", "V61", "V99"),
    ("The image", "X01", "X99"),
)

#: Questions that two numbers of the catalogue have in common, or that got another answer: id to what became
#: of it. All other numbers have the rule that the catalogue gives them.
MAPPING = {
    "V03": "NOBITS only. Once these bytes are refused, no more is said of them. Size 0 is V05.",
    "V11": "A multiple of 4: no field of a table is wider. One of 8 is asked of the table itself, X16.",
    "V13": "One offset that stands twice in the array. Entries that overlap in any other way: V20.",
    "V14": "Gaps of 8 bytes or more. From a page on, behind the last entry: V15.",
    "V15": "Also a table that is larger than Linux can copy.",
    "V16": "Counts up to the end of the last entry: slack may lie outside the window.",
    "V20": "Every overlap of two entries that begin at different offsets.",
    "V22": "A warning for carveouts, too: Linux reads too far, it writes nothing.",
    "V25": "Two empty names are equal names and no concern of V26.",
    "V28": "Refused by this project's own host; a warning elsewhere.",
    "V30": "As V28.",
    "V39": "Also a carveout that comes behind the vdev whose ring has memory of that name by then.",
    "V47": "Needs a memory map: without one, memory of the platform may hold the trace.",
    "V56": "num 1 is legal and useless: V58.",
    "V60": "Rings against rings, buffers, the table and carveouts. Rings against segments: X09.",
    "V61": "Not in the catalogue: says where the validator stops.",
    "X01": "Without the program headers' place: X03.",
    "X09": "Bytes of a segment are an error; a segment without bytes is how linker scripts set memory aside.",
    "X14": "SHF_ALLOC only. What --gc-sections has dropped is V01, what it has emptied V05.",
    "X16": "A warning below a multiple of 4, an info below one of 8.",
}

_INTRODUCTION = """\
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Made by: python -m resource_tables.lint.rules.page > docs/rules.md -->
# Rules of the validator

What `rproc lint` looks at, and `resource_tables.validate`. `rproc lint --explain V25` prints one rule.

**Severity.** An *error* is what the profile's loader refuses, or what is certain to corrupt memory or to cost
a virtio device. What it accepts and was probably not meant is a *warning*, what is good to know an *info*.
The severity below is the rule's own. "or error" stands where the rule reports checks that some loaders make:
it is an error for their profiles. A finding says another severity where its case is milder or worse, and a
profile may set its own (`severity`). Rules marked *memory map* run only where the target's memory is known.

**Checks** are those of the loader's one list (`resource_tables.checks`), with Linux's errno and log line. The
verdict comes from them alone; a rule that names one reports its failures and does not look again.
"""

_MAPPING_HEAD = """
## How the numbers are shared out

The rules follow a catalogue of 60 questions about tables (V) and 18 about images (X). Each has the rule of
its number; where two questions met or one was put differently, this is what became of them:

| number | what the rule asks |
|---|---|
"""


def explain(rule: Rule) -> str:
    """Return everything there is to know of a rule, as text. Thread safety: any thread."""
    lines = [
        f"{rule.id} {rule.title} ({_severity(rule)})",
        "",
        rule.reason,
        "",
        f"What to do: {rule.hint}",
        f"Source: {rule.source}",
    ]
    if rule.id in MAPPING:
        lines.append(f"Scope: {MAPPING[rule.id]}")
    if rule.needs_map:
        lines.append("Runs only with a memory map of the target.")
    lines += [f"Check of the loader: {_check(_CHECKS[id_])}" for id_ in rule.checks]
    return "\n".join(lines) + "\n"


def _severity(rule: Rule) -> str:
    mild = bool(rule.checks) and rule.severity is not Severity.ERROR
    return f"{rule.severity.word} or error" if mild else rule.severity.word


def _check(check: Check) -> str:
    """Return a check in one line: what it asks for, and what happens if not."""
    said = "no log line" if check.log is None else f'"{check.log}"'
    whose = "" if check.kernel else ", not in Linux"
    lost = ", costs the device and not the boot" if check.swallowed else ""
    return f"{check.id}: {check.requires} ({errno_name(check.errno)}, {said}{lost}{whose})"


def markdown() -> str:
    """Return the page with all rules. Thread safety: any thread."""
    parts = [_INTRODUCTION]
    for heading, first, last in _GROUPS:
        group = [rule for rule in RULES if first <= rule.id <= last]
        parts.append(f"\n## {heading}\n\n| rule | severity | what goes wrong |\n|---|---|---|\n")
        parts += [_row(rule) for rule in group]
        parts += [_section(rule) for rule in group]
    parts.append(_MAPPING_HEAD)
    parts += [f"| {id_} | {_escaped(text)} |\n" for id_, text in MAPPING.items()]
    return "".join(parts)


def _row(rule: Rule) -> str:
    anchor = f"{rule.id} {rule.title}".lower().replace(" ", "-")
    return f"| [{rule.id}](#{anchor}) | {_severity(rule)} | {_escaped(rule.reason)} |\n"


def _section(rule: Rule) -> str:
    notes = ", memory map" if rule.needs_map else ""
    lines = [
        f"\n### {rule.id} {rule.title}\n",
        f"*{_severity(rule)}{notes}.* {_escaped(rule.reason)}\n",
        f"* What to do: {_escaped(rule.hint)}",
        f"* Source: {_escaped(rule.source)}",
    ]
    lines += [f"* Check {_escaped(_check(_CHECKS[id_]))}" for id_ in rule.checks]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Return text in which Markdown sees no mark-up."""
    return re.sub(r"([\\`*<>|\[\]])", r"\\\1", text)


if __name__ == "__main__":
    sys.stdout.write(markdown())
