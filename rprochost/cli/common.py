# SPDX-License-Identifier: Apache-2.0
"""What the verbs share: options, output for people and for programs, errors, signals and exit codes.

Exit codes: 0 good, 1 failure or findings, 2 wrong use; after clean-up 130 for Ctrl-C, 143 for SIGTERM, 141
when the reader of a pipe has left. Imports nothing heavy: ``--help`` and ``rproc table`` stay fast.
"""

import argparse
import contextlib
import errno
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

from rprochost.errors import ConfigError, HostError

SCHEMA = 1
EXIT_OK, EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_NO_READER, EXIT_TERMINATED = 0, 1, 2, 130, 141, 143


class UsageError(HostError):
    """The command line asks for something that cannot be: exit code 2. Thread safety: immutable."""

    #: The lines that show what can be asked for; empty when the error is not of form.
    usage: str = ""


class NeedsLinuxError(HostError):
    """The verb runs cores, and this installation has no compiled part for that. Thread safety: immutable."""

    rule = "NEEDS_LINUX"

    def __init__(self, command: str) -> None:
        super().__init__(f"{command} needs Linux: this installation has no compiled part")
        self.hint = "rproc lint and rproc table work here; for the rest install on Linux, WSL or a container"


class OutputError(HostError):
    """Standard output takes no more: a full disk, or a reader that has left (EPIPE), which is no failure.

    Not an OSError: what the cores raise must not be mistaken for it. Thread safety: immutable.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output: {error.strerror}")
        self.errno = error.errno
        self.hint = "make room where the output goes, or send it elsewhere"


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived: the same way out as Ctrl-C, another exit code. Thread safety: immutable."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb of a command. Thread safety: immutable."""

    name: str
    help: str
    #: One command line per line, shown at the end of the verb's help.
    examples: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: "Callable[[argparse.Namespace, Output], int]"
    #: Whether it is pure Python and waits for nothing: such a verb runs on any system.
    portable: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A verb that is only the first of two words. Thread safety: immutable."""

    name: str
    help: str
    verbs: tuple[Verb, ...]

    @property
    def examples(self) -> str:
        """The examples of all its verbs."""
        return "\n".join(verb.examples for verb in self.verbs)


class Output:
    """Where a verb writes: text for people or, with ``--json``, one object per record.

    Thread safety: none; the caller serialises.
    """

    def __init__(self, tool: str, arguments: argparse.Namespace) -> None:
        self.tool = tool
        self.json: bool = arguments.json
        self.quiet: bool = arguments.quiet
        self.verbose: bool = arguments.verbose

    def record(self, values: Mapping[str, Any], text: str | None = None) -> None:
        """Write a record: its values as an object, or its text, which ``-q`` does not leave out."""
        if self.json:
            self._print(json.dumps({"schema": SCHEMA, **values}, default=str))
        elif text is not None:
            self._print(text)

    def result(self, text: str) -> None:
        """Write a result for people, which was recorded already for programs."""
        if not self.json:
            self._print(text)

    def document(self, text: str) -> None:
        """Write a whole document, which is in the form that was asked for; nothing where it is empty."""
        if text:
            self._print(text.removesuffix("\n"))

    def say(self, text: str) -> None:
        """Write a remark, which neither ``-q`` nor ``--json`` shows."""
        if not self.json and not self.quiet:
            self._print(text)

    def detail(self, text: str) -> None:
        """Write a remark that only ``-v`` shows, on stderr."""
        if self.verbose:
            self._remark(text)

    def _print(self, text: str) -> None:
        try:
            print(text, flush=True)
        except OSError as error:
            raise OutputError(error) from None

    def _remark(self, text: str) -> None:
        """Write to stderr; without one, or when it is full, there is nobody to tell."""
        # print() takes file=None for stdout.
        if sys.stderr is not None:
            with contextlib.suppress(OSError):
                print(text, file=sys.stderr, flush=True)

    def error(self, error: BaseException) -> None:
        """Write an error, as :func:`explain` has it, as an object or on stderr."""
        values = explain(error)
        if self.json and not isinstance(error, OutputError):
            self._error_record(error, {"error": {"tool": self.tool, **values}})
            return
        if isinstance(error, UsageError) and error.usage:
            self._remark(error.usage)
        place = ": ".join(
            part for part in (self.tool, values["core"], values["file"], values["what"]) if part
        )
        self._remark(_harmless(place))
        remarks = [
            part for part in (values["source"], values["errno"] and f"errno {values['errno']}") if part
        ]
        rule = f"{values['rule']} ({', '.join(remarks)})" if values["rule"] and remarks else values["rule"]
        for label, text in (("rule", rule or ", ".join(remarks)), ("hint", values["hint"])):
            if text:
                self._remark(_harmless(f"  {label}: {text}"))

    def _error_record(self, error: BaseException, values: Mapping[str, Any]) -> None:
        if isinstance(error, UsageError):
            # Nothing has run: what reads the records is told by the exit code.
            self._remark(json.dumps({"schema": SCHEMA, **values}))
        else:
            self.record(values)


def _harmless(text: str) -> str:
    """Return the text without what would steer the terminal: names come from files and from cores."""
    if text.isprintable():
        return text
    # As virtio.log has it, which loads the compiled extension.
    return "\n".join(
        "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in line)
        for line in text.splitlines()
    )


#: What to do, where the one who raised an OSError did not say.
_HINTS = {
    errno.ENOENT: "check the path and the folder it is relative to",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "one of the folders in the path is a file",
    errno.EACCES: "your user may not do that: look at the permissions of the file and its folders",
    errno.EPERM: "your user may not do that",
    errno.EMFILE: "raise the limit of open files: ulimit -n",
}


def explain(error: BaseException) -> dict[str, str]:
    """Return what an exception of any room says: core, file, what, rule, source, errno, hint; "" for
    unknown.
    """
    number = getattr(error, "errno", None)
    what = str(getattr(error, "strerror", None) or error) if isinstance(error, OSError) else str(error)
    file = getattr(error, "firmware", None) or getattr(error, "filename", None) or ""
    if isinstance(error, ConfigError):
        file, what = "", str(error)
    return {
        "core": str(getattr(error, "core", None) or ""),
        "file": os.fsdecode(file) if isinstance(file, bytes | str | Path) else "",
        "what": what or type(error).__name__,
        "rule": str(getattr(error, "rule", None) or ""),
        "source": str(getattr(error, "source", None) or ""),
        "errno": errno.errorcode.get(number, str(number)) if isinstance(number, int) else "",
        "hint": str(getattr(error, "hint", None) or _HINTS.get(number or 0, "")),
    }


def positive(text: str) -> int:
    """An option's value: an integer above 0."""
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0: {text}")
    return value


def seconds(text: str) -> float:
    """An option's value: a time of 0 or more seconds."""
    value = float(text)
    if not 0 <= value <= 86400:
        raise argparse.ArgumentTypeError(f"must be 0 to 86400 seconds: {text}")
    return value


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    # Only once: a second SIGTERM must not interrupt the clean-up that the first one began.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


def run_command(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    """Parse, run the verb and return the exit code; bad input ends in an error message, never in a traceback.

    Thread safety: none; main thread only, because it handles signals.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character is no reason to fail.
        sys.stdout.reconfigure(errors="backslashreplace")
    before = signal.signal(signal.SIGTERM, _terminate)
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return _run_verb(parser, words)
    finally:
        signal.signal(signal.SIGTERM, before)
        _flush_stdout()


def _run_verb(parser: argparse.ArgumentParser, words: Sequence[str]) -> int:
    # For the errors of the command line itself, which is not understood yet.
    output = Output(parser.prog, argparse.Namespace(json="--json" in words, quiet=False, verbose=False))
    try:
        parsed = parser.parse_args(words)
        output = Output(parser.prog, parsed)
        if parsed.portable:
            return int(parsed.run(parsed, output))
        return _run_on_linux(parsed, output)
    except Terminated:
        return EXIT_TERMINATED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except UsageError as error:
        output.error(error)
        return EXIT_USAGE
    except OutputError as error:
        if error.errno == errno.EPIPE:
            return EXIT_NO_READER
        output.error(error)
        return EXIT_FAILURE
    except (OSError, ValueError, LookupError, RuntimeError, ImportError, MemoryError, HostError) as error:
        with contextlib.suppress(OutputError):
            output.error(error)
        return _interrupted(error) or EXIT_FAILURE


def _run_on_linux(parsed: argparse.Namespace, output: Output) -> int:
    """Run a verb that needs the compiled part, and whose waits a signal must end."""
    if find_spec("_rproc") is None:
        raise NeedsLinuxError(f"{output.tool} {parsed.verb}")
    # Not at the top: other systems have not all of the signals that it uses.
    from rprochost.cli.wakeup import prompt_signals

    with prompt_signals():
        return int(parsed.run(parsed, output))


def _interrupted(error: BaseException) -> int:
    """Return the signal's exit code when the clean-up after a signal failed, else 0."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, KeyboardInterrupt):
            return EXIT_TERMINATED if isinstance(seen, Terminated) else EXIT_INTERRUPTED
        seen = seen.__context__
    return 0


def _flush_stdout() -> None:
    """Give the reader what is buffered; without one, let the interpreter's flush at exit go nowhere."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
