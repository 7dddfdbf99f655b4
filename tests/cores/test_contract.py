# SPDX-License-Identifier: Apache-2.0
"""The published contract, over every kind that this room has."""

from functools import partial
from pathlib import Path

import pytest

from cores.testing import CHECKS, Check, check_kill, run_check
from tests.cores.kinds import KINDS, make_core, strict_is_possible

# The first process of a namespace cannot kill itself: test_process.py kills such a core from outside.
CASES = [
    pytest.param(kind, check, id=f"{kind}-{check.__name__.removeprefix('check_')}")
    for kind in KINDS
    for check in CHECKS
    if kind != "strict" or (check is not check_kill and strict_is_possible())
]


@pytest.mark.parametrize(("kind", "check"), CASES)
def test_contract(kind: str, check: Check, ecus: Path) -> None:
    """Each kind keeps each rule, or shows the documented result where it declares that it does not."""
    run_check(check, partial(make_core, kind, ecus))
