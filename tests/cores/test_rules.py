# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a file or an option has a stable id, Linux's errno, one path and a remedy."""

import errno
import os
import pickle
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import cores
from cores import CoreDiedError, CoreError, CoreViolationError, firmware
from cores.library import LibraryCore
from cores.process import Command, ProcessBody, ProcessCore
from resource_tables import ElfImage, LoaderError
from rproc.core import Core, Exit
from tests.cores.conftest import MakeBench
from tests.cores.kinds import ECUS

_REQUEST = "firmware_loader/main.c: request_firmware"
_CLASS_AT, _MACHINE_AT = 4, 18


@dataclass(frozen=True)
class Case:
    """A broken rule: a core of a kind, its firmware, what makes the file. Thread safety: immutable."""

    rule: str
    number: int
    kind: str
    firmware: str
    prepare: Callable[[Path, Path], object] = lambda folder, ecus: None
    options: dict[str, Any] = field(default_factory=dict)
    source: str | None = None


def _patched(at: int, value: bytes) -> Callable[[Path, Path], object]:
    def patch(folder: Path, ecus: Path) -> None:
        data = bytearray((ecus / "echo").read_bytes())
        data[at : at + len(value)] = value
        (folder / "echo").write_bytes(data)

    return patch


def _copied(name: str, mode: int) -> Callable[[Path, Path], object]:
    def copy(folder: Path, ecus: Path) -> None:
        (folder / name).write_bytes((ecus / name).read_bytes())
        (folder / name).chmod(mode)

    return copy


def _python(text: str) -> Callable[[Path, Path], object]:
    return lambda folder, ecus: (folder / "ecu.py").write_text(text)


def _folder(folder: Path, ecus: Path) -> None:
    (folder / "ecu.py").mkdir()


def _loop(folder: Path, ecus: Path) -> None:
    (folder / "echo").symlink_to("echo")


_PROCESS = {"process": True}

CASES = [
    Case("fw-name", errno.EINVAL, "process", "../echo", source=_REQUEST),
    Case("fw-missing", errno.ENOENT, "process", "echo", source=_REQUEST),
    Case("fw-missing", errno.ENOENT, "python", "ecu.py", source=_REQUEST),
    Case("fw-unreadable", errno.ELOOP, "library", "echo", _loop, source=_REQUEST),
    Case("fw-regular", errno.EINVAL, "process", "echo", lambda f, e: (f / "echo").mkdir(), source=_REQUEST),
    Case("fw-regular", errno.EINVAL, "library", "echo", lambda f, e: os.mkfifo(f / "echo"), source=_REQUEST),
    Case(
        "fw-regular", errno.EINVAL, "python", "ecu.py", lambda f, e: (f / "ecu.py").mkdir(), source=_REQUEST
    ),
    Case("fw-machine", errno.ENOEXEC, "process", "echo", _patched(_MACHINE_AT, struct.pack("<H", 243))),
    Case("fw-program", errno.ENOEXEC, "process", "libecho.so", _copied("libecho.so", 0o755)),
    Case("fw-library", errno.ENOEXEC, "library", "echo", _copied("echo", 0o755)),
    Case("fw-exec", errno.EACCES, "process", "echo", _copied("echo", 0o644)),
    Case("ecu-symbol", errno.ENOEXEC, "library", "libno_symbol.so", _copied("libno_symbol.so", 0o644)),
    Case("ecu-abi", errno.EPROTONOSUPPORT, "library", "libwrong_abi.so", _copied("libwrong_abi.so", 0o644)),
    Case(
        "core-cwd",
        errno.ENOENT,
        "process",
        "echo",
        _copied("echo", 0o755),
        {"cwd": Path("/nowhere/at/all")},
    ),
    Case("core-nul", errno.EINVAL, "process", "echo", _copied("echo", 0o755), {"args": ("a\0b",)}),
    Case("python-file", errno.ENOEXEC, "python", "ecu.txt", lambda f, e: (f / "ecu.txt").write_text("")),
    Case("python-import", errno.ENOEXEC, "python", "ecu.py", _python("raise KeyError('two\\nlines')")),
    Case(
        "python-import",
        errno.ENOEXEC,
        "python",
        "ecu.py",
        _python("raise KeyError('two\\nlines')"),
        _PROCESS,
    ),
    Case(
        "python-import",
        errno.ENOEXEC,
        "python",
        "ecu.py",
        _python("import os; os._exit(9)"),
        _PROCESS,
    ),
    Case("python-class", errno.ENOEXEC, "python", "ecu.py:None", _python("x = 1")),
    Case("python-class", errno.ENOEXEC, "python", "ecu.py:None", _python("x = 1"), _PROCESS),
]


def _check(error: OSError, rule: str, number: int) -> None:
    assert (getattr(error, "rule", None), error.errno) == (rule, number)
    assert getattr(error, "hint", "")
    shown = str(error)
    other = pickle.loads(pickle.dumps(error))
    assert (str(other), other.rule, other.filename) == (shown, rule, error.filename)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{case.kind}")
def test_broken_rule_is_named_with_errno_source_and_remedy(
    case: Case, bench: MakeBench, ecus: Path, tmp_path: Path
) -> None:
    """The path stands in the message once, or not at all."""
    case.prepare(tmp_path, ecus)
    core: Core = cores.create(case.kind, **case.options)
    with pytest.raises(CoreError) as caught:
        bench(core, case.firmware, tmp_path).remote.boot()
    _check(caught.value, case.rule, case.number)
    assert caught.value.source == case.source
    assert str(tmp_path) not in str(caught.value.strerror)
    assert str(caught.value).count(str(tmp_path)) <= 1


def test_image_of_32_bits_for_this_processor_breaks_fw_class(ecus: Path) -> None:
    """As x32 does: the machine is right and the class is not."""
    whole = ElfImage.parse((ecus / "echo").read_bytes())

    class X32:
        """What check_machine looks at. Thread safety: immutable."""

        machine, elf_class = whole.machine, 32

    image: Any = X32()
    with pytest.raises(CoreError) as caught:
        firmware.check_machine(image, "process")
    _check(caught.value, "fw-class", errno.ENOEXEC)


def test_other_byte_order_breaks_the_loaders_rule(bench: MakeBench, ecus: Path, tmp_path: Path) -> None:
    """Which Linux has: ours need none of their own."""
    _patched(5, b"\2")(tmp_path, ecus)
    with pytest.raises(LoaderError) as caught:
        bench(ProcessCore(), "echo", tmp_path).remote.boot()
    _check(caught.value, "elf-endianness", errno.EINVAL)


def test_file_that_is_too_large_breaks_fw_large(tmp_path: Path) -> None:
    """A sparse file costs nothing on the disk, and no more than the limit is read."""
    with (tmp_path / "big").open("wb") as file:
        file.truncate(firmware.MAX_BYTES + 1)
    with pytest.raises(CoreError) as caught:
        LibraryCore().request_firmware("big", tmp_path)
    _check(caught.value, "fw-large", errno.EFBIG)


def test_broken_dynamic_section_breaks_fw_dynamic(ecus: Path, tmp_path: Path) -> None:
    """Whatever the parser stumbles over."""
    data = bytearray((ecus / "libecho.so").read_bytes())
    image = ElfImage.parse(bytes(data))
    header = image.header
    for index in range(header.shnum):  # sh_entsize 0 of every section
        at = header.shoff + index * header.section_header_bytes + 56
        data[at : at + 8] = bytes(8)
    with pytest.raises(CoreError) as caught:
        firmware.dynamic_info(ElfImage.parse(bytes(data)))
    _check(caught.value, "fw-dynamic", errno.ENOEXEC)


def test_library_that_cannot_be_loaded_breaks_ecu_load() -> None:
    """With what the dynamic linker said."""
    error = LibraryCore().load_error(0, 0, "undefined symbol: nobody")
    _check(error, "ecu-load", errno.ENOEXEC)


@pytest.mark.parametrize(
    ("rule", "kind", "options"),
    [
        ("kind-unknown", "proces", {}),
        ("kind-option", "process", {"speed": 3}),
        ("kind-option", "process", {"args": 3}),
        ("isolation-word", "process", {"isolation": "strikt"}),
        ("isolation-word", "python", {"process": True, "isolation": "strikt"}),
        ("python-process", "python", {"isolation": "strict"}),
    ],
)
def test_option_that_cannot_be_is_named(rule: str, kind: str, options: dict[str, Any]) -> None:
    """Without the words of Python's calls in the message."""
    with pytest.raises(CoreError) as caught:
        cores.create(kind, **options)
    _check(caught.value, rule, errno.EINVAL)
    assert "__init__" not in str(caught.value)


def test_option_of_another_kind_names_the_kinds_that_have_it() -> None:
    """Kind, option and remedy."""
    with pytest.raises(CoreError) as caught:
        cores.create("library", env={"A": "b"})
    assert str(caught.value) == "a core of kind library has no option 'env'"
    assert "a kind that has it: process, python" in caught.value.hint


def test_core_that_runs_is_not_started_again(bench: MakeBench, ecus: Path) -> None:
    """As EBUSY, by the core itself."""
    core = ProcessCore()
    bench(core, "echo", ecus).remote.boot()
    boot: Any = None
    with pytest.raises(CoreError) as caught:
        core.launch(Command(path=ecus / "echo", argv=("echo",)), boot, print)
    _check(caught.value, "core-running", errno.EBUSY)


def test_process_without_a_path_and_image_of_nobody_are_refused(ecus: Path) -> None:
    """Both are mistakes of a host that does without RemoteProc."""

    class NoPath:
        """All that start looks at. Thread safety: immutable."""

        firmware_path = None

    boot: Any = NoPath()
    with pytest.raises(CoreError) as caught:
        ProcessCore().start(boot, print)
    _check(caught.value, "fw-path", errno.ENOENT)
    python = cores.create("python")
    image = ElfImage.parse((ecus / "echo").read_bytes())
    with pytest.raises(CoreError) as caught:
        python.check(image)
    _check(caught.value, "python-image", errno.ENOEXEC)
    with pytest.raises(CoreError) as caught:
        python.start(boot, print)
    _check(caught.value, "python-image", errno.EINVAL)


def test_import_without_an_end_breaks_python_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter is killed; nothing waits for the file."""
    monkeypatch.setattr("cores.python.IMAGE_TIMEOUT", 0.2)
    _python("import threading; threading.Event().wait()")(tmp_path, tmp_path)
    with pytest.raises(CoreError) as caught:
        cores.create("python", process=True).request_firmware("ecu.py", tmp_path)
    _check(caught.value, "python-time", errno.ETIMEDOUT)


def test_process_that_cannot_be_made_breaks_core_process() -> None:
    """A control socket that is none ends the start at the descriptors."""
    body = ProcessBody()
    with ExitStack() as undo, pytest.raises(CoreError) as caught:
        undo.callback(body.end)
        body.start(Command(path=Path(sys.executable), argv=("x",)), -1, -1, -1)
    _check(caught.value, "core-process", errno.EBADF)
    assert body.fileno() == -1


def test_system_without_a_thread_to_spare_breaks_core_thread(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made for the core goes with the error."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    running = bench(cores.create("python"), "behave.py:Echo", ECUS)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as patch, pytest.raises(CoreError) as caught:
        patch.setattr(threading.Thread, "start", refuse)
        running.remote.boot()
    _check(caught.value, "core-thread", errno.EAGAIN)
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_errors_keep_what_was_added_later_on_the_way_to_another_process() -> None:
    """Core, firmware and file, as the host adds them."""
    died = CoreDiedError(Exit("exit", "exit code 4"))
    loader = LoaderError(errno.EINVAL, "bad", rule="elf-magic", source="a: b", offset=3)
    for error in (died, CoreViolationError("CTL_SIZE", "sent too much"), loader):
        vars(error).update(core="door", firmware="/f/door")
        other = pickle.loads(pickle.dumps(error))
        assert type(other) is type(error)
        assert vars(other) == vars(error)
    assert pickle.loads(pickle.dumps(died)).exit == died.exit
