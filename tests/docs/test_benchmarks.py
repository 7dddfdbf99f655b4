# SPDX-License-Identifier: Apache-2.0
"""The pages quote the results that are in the tree, and these were made by what is in the tree."""

from pathlib import Path

import pytest

from rprochost.bench.aims import AIMS
from rprochost.bench.options import STANDARD_SUITES
from rprochost.bench.plots import draw
from rprochost.bench.report import report
from rprochost.bench.results import Results
from tools.show_benchmarks import BLOCKS, RESULTS, ROOT, filled, main

#: Of all pictures together.
MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def results() -> Results:
    """The results in the tree."""
    return Results.load(RESULTS)


@pytest.mark.parametrize("page", BLOCKS, ids=lambda page: page.name)
def test_a_page_says_what_the_results_say(page: Path, results: Results) -> None:
    assert page.read_text(encoding="utf-8") == filled(page, results)
    assert main(["--check"]) == 0


def test_the_report_is_that_of_the_results(results: Results, tmp_path: Path) -> None:
    pictures = draw(results, tmp_path)
    page = (RESULTS.parent / "report.md").read_text(encoding="utf-8")
    assert page == report(results, pictures)
    names = {path.name for path in RESULTS.parent.iterdir()} - {"report.md", "results.json"}
    assert names == set(pictures.values())


def test_the_results_are_those_of_a_full_run(results: Results) -> None:
    assert tuple(results.suites) == STANDARD_SUITES
    missing = [aim.path for aim in AIMS if aim.reading(results) is None]
    assert missing == []


def test_the_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in RESULTS.parent.glob("*.svg")}
    assert sizes
    assert sum(sizes.values()) < MOST_BYTES


def test_results_name_no_folder_of_the_machine() -> None:
    for path in RESULTS.parent.iterdir():
        text = path.read_text(encoding="utf-8")
        assert str(ROOT) not in text
        assert str(Path.home()) not in text


def test_a_page_without_its_block_is_an_error(results: Results, tmp_path: Path) -> None:
    (page, blocks), *_ = BLOCKS.items()
    empty = tmp_path / "page.md"
    empty.write_text("nothing here", encoding="utf-8")
    BLOCKS[empty] = blocks
    try:
        with pytest.raises(ValueError, match="no block"):
            filled(empty, results)
    finally:
        del BLOCKS[empty]
    assert page != empty
