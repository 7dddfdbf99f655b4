# SPDX-License-Identifier: Apache-2.0
"""What the command ``rproc`` can do."""

from collections.abc import Sequence
from importlib import import_module

from rprochost.cli.common import Group, Verb

ABOUT = "Run the firmware of remote cores on this machine, and look into it."

#: Each verb has the module of its name.
NAMES = ("run", "demo", "lint", "table", "sdk")


def verbs_for(words: Sequence[str]) -> tuple[Verb | Group, ...]:
    """Return the verb that a command line begins with, or all where it begins with none.

    A linter runs for every file that somebody saves, and does not wait for the imports of other verbs.
    Thread safety: any thread.
    """
    names = words[:1] if words and words[0] in NAMES else NAMES
    return tuple(import_module(f"rprochost.cli.{name}").VERB for name in names)
