# SPDX-License-Identifier: Apache-2.0
"""Kinds of remote core: a table of strings, so that nothing loads a kind that is not used.

A distribution adds kinds by the entry-point group ``rproc.cores``; the room's own cannot be replaced.
"""

import errno
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module, metadata
from inspect import signature
from typing import Any

from cores.errors import (
    CoreAbandonedError,
    CoreDiedError,
    CoreError,
    CoreFirmwareError,
    CoreFirmwareMissingError,
    CoreRefusedError,
    CoreStateError,
    CoreTimeoutError,
    CoreViolationError,
    IsolationError,
    UnknownKindError,
)
from cores.pycore import PythonCore
from rproc.core import Core

__all__ = [
    "ENTRY_POINTS",
    "KINDS",
    "CoreAbandonedError",
    "CoreDiedError",
    "CoreError",
    "CoreFirmwareError",
    "CoreFirmwareMissingError",
    "CoreRefusedError",
    "CoreStateError",
    "CoreTimeoutError",
    "CoreViolationError",
    "IsolationError",
    "PythonCore",
    "UnknownKindError",
    "create",
    "kinds",
]

ENTRY_POINTS = "rproc.cores"
KINDS = {
    "process": "cores.process:ProcessCore",
    "library": "cores.library:LibraryCore",
    "python": "cores.python:PythonCoreAdapter",
}


@cache
def kinds() -> dict[str, str]:
    """Return all kinds, "module:attribute" by name, extensions included. Thread safety: any thread."""
    found = {point.name: point.value for point in metadata.entry_points(group=ENTRY_POINTS)}
    return {**found, **KINDS}


def create(kind: str, **options: Any) -> Core:
    """Make a core of a kind; the options are that kind's own.

    Raises UnknownKindError, CoreError (EINVAL: an option this kind does not have, one that is missing, a
    value of a wrong type). Thread safety: any thread.
    """
    if kind not in kinds():
        known = ", ".join(sorted(kinds()))
        raise UnknownKindError(
            errno.EINVAL, f"no kind of core {kind!r}", hint=f"use one of {known}", rule="kind-unknown"
        )
    factory = _factory(kind)
    given = _options(factory)
    for name in options:
        if given is not None and name not in given:
            raise _option_error(kind, name, given)
    missing = [name for name, needed in (given or {}).items() if needed and name not in options]
    if missing:
        raise _value_error(f"a core of kind {kind} needs the option {missing[0]!r}", f"give {missing[0]}")
    try:
        return factory(**options)
    except TypeError as error:
        what = f"a core of kind {kind} cannot take these options: {', '.join(options) or 'none'}"
        raise _value_error(what, f"check the types of their values: {error}") from error


def _factory(kind: str) -> Callable[..., Core]:
    module, _, attribute = kinds()[kind].partition(":")
    factory: Callable[..., Core] = getattr(import_module(module), attribute)
    return factory


def _options(factory: Callable[..., Core]) -> dict[str, bool] | None:
    """Return by name whether an option must be given; None for a factory that takes any or does not say."""
    try:
        parameters = signature(factory).parameters.values()
    except ValueError:
        return None
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return None
    named = (one for one in parameters if one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD))
    return {one.name: one.default is one.empty for one in named}


def _option_error(kind: str, name: str, own: dict[str, bool]) -> CoreError:
    others = ", ".join(sorted(filter(partial(_has, name), kinds())))
    remedy = f"drop it, or use a kind that has it: {others}" if others else "drop it: no kind has it"
    return _value_error(
        f"a core of kind {kind} has no option {name!r}", f"{remedy} ({kind} has: {', '.join(own) or 'none'})"
    )


def _has(name: str, kind: str) -> bool:
    try:
        return name in (_options(_factory(kind)) or {})
    except (ImportError, AttributeError):
        # An extension that is broken is nothing to recommend, and no reason to hide the mistake found here.
        return False


def _value_error(what: str, hint: str) -> CoreError:
    return CoreError(errno.EINVAL, what, hint=hint, rule="kind-option")
