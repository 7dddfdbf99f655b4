# SPDX-License-Identifier: Apache-2.0
"""How the demo talks: numbered steps for people, one object per step for programs."""

import sys
import time
from typing import TYPE_CHECKING, Any

from rprochost.text import WIDTH, Style

if TYPE_CHECKING:
    from rprochost.cli.common import Output


class StepError(RuntimeError):
    """A step of the demo did not do what it claims. Thread safety: immutable."""

    rule = "DEMO_STEP"
    hint = "run it again with -v; if it repeats, it is a bug in rprochost or a limit of this system"


class Stage:
    """Steps, remarks and results of one demo. Thread safety: none; the caller serialises."""

    def __init__(self, output: "Output") -> None:
        self.output = output
        self.style = Style(sys.stdout)
        self.quiet = output.json or output.quiet
        self._number = 0
        self._begin = time.monotonic()

    def begin(self, title: str) -> None:
        """Start a step."""
        self._number += 1
        seconds = f"{time.monotonic() - self._begin:.1f} s"
        head = f"{self._number}  {title}"
        self.say("")
        self.say(self.style(head, "bold") + self.style(seconds.rjust(WIDTH - len(head)), "dim"))

    def say(self, text: str) -> None:
        """Write a line for people."""
        self.output.say(text)

    def lines(self, lines: list[str]) -> None:
        """Write several lines for people."""
        for line in lines:
            self.say(line)

    def good(self, text: str) -> None:
        """Write a line about something that was checked."""
        self.say(f"  {self.style('ok', 'green', 'bold')}  {text}")

    def result(self, step: str, **values: Any) -> None:
        """Write what a step found, for programs."""
        self.output.record({"step": step, **values})

    def check(self, holds: bool, claim: str) -> None:
        """Say that a claim holds; StepError when it does not."""
        if not holds:
            raise StepError(f"this does not hold: {claim}")
        self.good(claim)
