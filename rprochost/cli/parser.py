# SPDX-License-Identifier: Apache-2.0
"""The command line: verbs, the options that all of them have, and errors as exceptions."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from rprochost.cli.common import Group, UsageError, Verb


class _Parser(argparse.ArgumentParser):
    """Raises what argparse would print, so that it is reported in the form that was asked for."""

    def error(self, message: str) -> NoReturn:
        error = UsageError(message)
        error.usage = self.format_usage().rstrip("\n")
        error.hint = f"{self.prog} --help"
        raise error


class _VerbParser(_Parser):
    """Takes options before an optional positional argument too, for which argparse by itself is then late."""

    #: Set while argparse works so, and always where verbs follow, which do it for themselves.
    intermixed = False

    # This is what argparse calls for a verb. parse_known_intermixed_args comes back to it, with other rules.
    def parse_known_args(
        self, args: Iterable[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        words = None if args is None else list(args)
        found = super().parse_known_args(words, namespace)
        if self.intermixed or not found[1]:
            return found
        self.intermixed = True
        try:
            return self.parse_known_intermixed_args(words, namespace)
        finally:
            self.intermixed = False


def version() -> str:
    """Return the version of this installation."""
    from importlib import metadata

    try:
        return metadata.version("rprochost")
    except metadata.PackageNotFoundError:
        return "(not installed)"


class _VersionAction(argparse.Action):
    """Looks the version up only when it is asked for: importlib.metadata takes longer than the rest of
    --help.
    """

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"{parser.prog} {version()}")
        parser.exit()


def _shared(default: bool | str) -> _VerbParser:
    shared = _VerbParser(add_help=False)
    for names, text in (
        (("--json",), "write JSON objects, one per line"),
        (("-q", "--quiet"), "only results and errors"),
        (("-v", "--verbose"), "say more, on stderr"),
    ):
        shared.add_argument(*names, action="store_true", default=default, help=text)
    return shared


def build_parser(tool: str, about: str, verbs: Sequence[Verb | Group]) -> argparse.ArgumentParser:
    """Return the parser of a command, whose errors are UsageError. Thread safety: any thread."""
    examples = "\n".join(f"  {verb.examples.splitlines()[0]}" for verb in verbs)
    parser = _Parser(
        tool,
        description=about,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_shared(False)],
    )
    parser.add_argument("--version", action=_VersionAction, nargs=0, help="show the version and leave")
    _add_verbs(parser, verbs, "verb")
    return parser


def _add_verbs(parser: _Parser, verbs: Sequence[Verb | Group], dest: str) -> None:
    # A default after the verb would undo what was said before it.
    shared = _shared(argparse.SUPPRESS)
    commands = parser.add_subparsers(dest=dest, required=True, metavar=dest.upper(), parser_class=_VerbParser)
    for verb in verbs:
        lines = "\n".join(f"  {line}" for line in verb.examples.splitlines())
        child = commands.add_parser(
            verb.name,
            help=verb.help,
            description=verb.help[0].upper() + verb.help[1:] + ".",
            epilog=f"examples:\n{lines}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[shared],
        )
        if isinstance(verb, Group):
            child.intermixed = True
            _add_verbs(child, verb.verbs, "action")
        else:
            verb.configure(child)
            child.set_defaults(run=verb.run, portable=verb.portable)
