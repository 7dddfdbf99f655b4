# SPDX-License-Identifier: Apache-2.0
"""The suites of `rpmsg bench`, quickly: their medians stand in the extra information of each benchmark."""

from typing import Any

import pytest

from rprochost.bench.options import QUICK, STANDARD_SUITES
from rprochost.bench.run import run_suites
from rprochost.bench.suites import SUITES


@pytest.mark.parametrize("name", STANDARD_SUITES)
def test_suite(benchmark: Any, name: str) -> None:
    """One suite; what is timed is all of it, what counts are the times of its cases."""
    results = benchmark.pedantic(run_suites, args=([SUITES[name]], QUICK, lambda _: None), rounds=1)
    found = results.suites[name]
    benchmark.extra_info.update({case.id: round(case.value_ns, 1) for case in found.results})
    benchmark.extra_info.update(found.figures)
    assert found.results or found.figures or found.curves or found.left_out
