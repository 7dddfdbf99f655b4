# SPDX-License-Identifier: Apache-2.0
"""What every module keeps to, whoever wrote it, and no linter looks for."""

import ast
import copy
import importlib
import inspect
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rproc.core import Exit
from tools.check_files import findings, source_files

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("virtio", "resource_tables", "rpmsg", "rproc", "cores", "rprochost")
DOORS = {"virtio/_native.py", "rpmsg/_native.py", "cores/_native.py", "rprochost/_native.py"}
PORTABLE = ("virtio.", "resource_tables.", "rpmsg.", "rproc.", "cores.", "rprochost.")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
#: One of the three sentences, the first two with what else there is to say, or the thread that may call.
THREAD_SAFETY = re.compile(
    r"Thread safety: ("
    r"none; (the caller serialises|main thread only|the core's thread alone calls it)"
    r"|any thread\b|immutable\.|that of the core\."
    r"|[^.]*\bthread\b)"
)
#: Functions longer than this do not fit a screen.
MAX_FUNCTION = 50


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _import(path: Path) -> ModuleType:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))


def _public_classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    yield from (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_")


def _exceptions() -> dict[str, type[BaseException]]:
    """The exception classes of the rooms whose objects cross processes, by their full names."""
    found = {}
    for path in MODULES:
        if path.name != "__init__.py" and "class " in path.read_text(encoding="utf-8"):
            module = _import(path)
            for name, value in vars(module).items():
                if inspect.isclass(value) and issubclass(value, BaseException):
                    found[f"{value.__module__}.{name}"] = value
    return {name: kind for name, kind in found.items() if name.startswith(PORTABLE)}


EXCEPTIONS = _exceptions()


def test_every_source_file_has_its_licence_its_length_and_no_silenced_check() -> None:
    assert [finding for path in source_files() for finding in findings(path)] == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_every_public_class_says_its_thread_safety(path: Path) -> None:
    silent = [
        node.name
        for node in _public_classes(ast.parse(path.read_text(encoding="utf-8")))
        if not THREAD_SAFETY.search(" ".join((ast.get_docstring(node) or "").split()))
    ]
    assert silent == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_function_that_a_room_exports_says_its_thread_safety(room: str) -> None:
    module = importlib.import_module(room)
    exported = {name: getattr(module, name) for name in module.__all__}
    silent = [
        name
        for name, value in exported.items()
        if inspect.isfunction(value) and not THREAD_SAFETY.search(" ".join((value.__doc__ or "").split()))
    ]
    assert silent == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_every_function_fits_a_screen(path: Path) -> None:
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION} == {}


def test_the_extension_is_imported_by_its_doors_only() -> None:
    entered = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if "_rproc" in names:
                entered.add(_name(path))
    assert entered == DOORS


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_every_exported_name_resolves_and_is_listed_once(path: Path) -> None:
    module = _import(path)
    exported: list[str] = list(getattr(module, "__all__", []))
    assert [name for name in exported if not hasattr(module, name)] == []
    assert len(set(exported)) == len(exported)


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_of_a_room_is_in_its_list(room: str) -> None:
    module = importlib.import_module(room)
    public = {
        name
        for name, value in vars(module).items()
        if name[0] != "_" and getattr(value, "__module__", "").partition(".")[0] == room
    }
    assert public <= set(module.__all__)


def _made(kind: type[BaseException]) -> BaseException:
    """An exception of that kind, with a value for each argument that it must have."""
    values = {int: 22, str: "what", Path: Path("file"), "int": 22, "str": "what"}
    try:
        parameters = list(inspect.signature(kind).parameters.values())
    except ValueError:  # a built-in __init__
        return kind(22, "what") if issubclass(kind, OSError) else kind("what")
    needed = [one for one in parameters if one.default is one.empty]
    if any(one.kind is one.VAR_POSITIONAL for one in needed):
        return kind(22, "what") if issubclass(kind, OSError) else kind("what")
    plain = [_value(values, one) for one in needed if one.kind is not one.KEYWORD_ONLY]
    named = {one.name: _value(values, one) for one in needed if one.kind is one.KEYWORD_ONLY}
    return kind(*plain, **named)


def _value(values: dict[Any, Any], parameter: inspect.Parameter) -> Any:
    if parameter.annotation in values:
        return values[parameter.annotation]
    if parameter.annotation is OSError:
        return OSError(28, "No space left on device")
    if parameter.annotation is Exit:
        return Exit("exit", "exit code 4", 10)
    return "what"


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_survives_the_way_to_another_process(name: str) -> None:
    error: Any = _made(EXCEPTIONS[name])
    vars(error)["core"] = "door"
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is type(error)
        assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))
        assert getattr(other, "errno", None) == getattr(error, "errno", None)


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_has_a_hint_and_an_oserror_its_errno(name: str) -> None:
    error: Any = _made(EXCEPTIONS[name])
    if not isinstance(error, KeyboardInterrupt):
        assert isinstance(error.hint, str)
    if isinstance(error, OSError):
        assert error.errno
