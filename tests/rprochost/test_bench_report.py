# SPDX-License-Identifier: Apache-2.0
"""What is made of results: the file, the page, the pictures, the lines on a terminal."""

import builtins
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from rprochost.bench import plots
from rprochost.bench.aims import AIMS
from rprochost.bench.compare import compare
from rprochost.bench.report import report, short
from rprochost.bench.results import Results, ResultsError
from rprochost.bench.show import comparison_lines, comparison_records, lines, records
from rprochost.bench.suite import Found
from tests.rprochost.bench_results import result, results, whole_run


def tables(page: str) -> list[list[str]]:
    """Return the tables of a page, as their lines."""
    return [table.splitlines() for table in re.findall(r"(?:^\|.*\n)+", page, flags=re.MULTILINE)]


# ---- the file --------------------------------------------------------------------------------------------


def test_results_survive_their_file(tmp_path: Path) -> None:
    run, file = whole_run(), tmp_path / "results.json"
    run.save(file)
    assert Results.load(file) == run
    assert json.loads(file.read_text(encoding="utf-8"))["schema"] == 1


def test_each_case_has_a_line_of_its_own_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    whole_run().save(file)
    text = file.read_text(encoding="utf-8").splitlines()
    assert sum('"values_ns"' in line for line in text) == 4
    assert all(line.count('"id"') <= 1 for line in text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        '{"schema": 2}',
        '{"schema": 1}',
        '{"schema": 1, "suites": {"a": {}}}',
        "\xff",
    ],
)
def test_a_file_without_results_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "other.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ResultsError, match=r"other\.json"):
        Results.load(file)


def test_a_case_that_lacks_something_is_refused(tmp_path: Path) -> None:
    values = whole_run().to_json()
    del values["suites"]["round-trip"]["cases"][0]["curve"]
    with pytest.raises(ResultsError, match="curve"):
        Results.from_json(values)


def test_results_are_found_by_suite_and_case() -> None:
    run = whole_run()
    found = run.find("one-way/c-recv-16")
    assert found is not None
    assert found.per_second == pytest.approx(1e9 / 90)
    assert [run.find("one-way/none"), run.find("none/none"), run.figure("idle/none")] == [None] * 3
    assert run.figure("idle/wakeups") == 0


# ---- the page --------------------------------------------------------------------------------------------


def test_the_page_has_every_aim_every_case_and_every_picture() -> None:
    run = whole_run()
    page = report(run, {"A picture": "picture.svg"})
    assert page.startswith("<!-- SPDX-License-Identifier: Apache-2.0 -->\n# Benchmarks, 2026-01-02")
    assert "![A picture](picture.svg)" in page
    for aim in AIMS:
        assert f"| {aim.path} |" in page
    for _, case in run.cases():
        assert f"| {case.title}" in page
    assert "Left out: something: not installed." in page
    assert run.facts["kernel"] in page


def test_every_table_of_the_page_has_equal_rows() -> None:
    for table in tables(report(whole_run(), {})):
        assert len({line.count("|") for line in table}) == 1


def test_the_page_sets_a_case_beside_its_floor() -> None:
    page = report(whole_run(), {})
    (row,) = [line for line in page.splitlines() if line.startswith("| case c-process-16 |")]
    assert [cell.strip() for cell in row.split("|")[2:8]] == [
        "0.480",
        "0.480",
        "0.480",
        "3.84",
        "9.60",
        "2.40",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0001, "0"),
        (0.0123, "0.012"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (1234.5, "1234"),
        (-2.5, "-2.50"),
    ],
)
def test_numbers_have_as_many_digits_as_mean_something(value: float, text: str) -> None:
    assert short(value) == text


# ---- pictures --------------------------------------------------------------------------------------------


def test_pictures_are_small_svg_and_the_same_every_time(tmp_path: Path) -> None:
    seen: list[dict[str, bytes]] = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        names = plots.draw(whole_run(), folder)
        assert set(names.values()) == {entry.name for entry in folder.iterdir()}
        seen.append({name: (folder / name).read_bytes() for name in names.values()})
    assert seen[0] == seen[1]
    assert len(seen[0]) == 4
    for data in seen[0].values():
        assert ElementTree.fromstring(data).tag.endswith("svg")
    assert sum(map(len, seen[0].values())) < 300_000


def test_what_was_not_measured_is_not_drawn(tmp_path: Path) -> None:
    assert plots.draw(results(spin=Found([result("a", [1.0])])), tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_there_is_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ImportError("No module named 'matplotlib'")
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(plots.PlotsMissingError, match="matplotlib") as caught:
        plots.draw(whole_run(), tmp_path)
    assert "pip install" in caught.value.hint


# ---- the terminal ----------------------------------------------------------------------------------------


def test_every_case_has_a_line_and_a_record() -> None:
    run = whole_run()
    text, objects = "\n".join(lines(run)), list(records(run))
    for name, case in run.cases():
        assert case.title in text
        assert [one for one in objects if f"{one.get('suite')}/{one.get('id')}" == name]
    assert len([one for one in objects if "aim" in one]) == len(AIMS)
    assert objects[0]["facts"]["kernel"] == run.facts["kernel"]
    assert json.loads(json.dumps(objects)) is not None


def test_a_comparison_tells_what_changed_and_what_counts() -> None:
    found = compare(whole_run(), whole_run(1.5))
    text = "\n".join(comparison_lines(found, 0.1))
    assert "2 regressions beyond 10%: round-trip/c-process-16, one-way/c-recv-16" in text
    assert "slower" in text
    *cases, last = comparison_records(found, 0.1)
    assert {case["verdict"] for case in cases} == {"slower"}
    assert len(last["regressions"]) == 2


def test_a_comparison_without_change_says_so() -> None:
    text = "\n".join(comparison_lines(compare(whole_run(), whole_run()), 0.1))
    assert "nothing changed beyond that, in 2 cases" in text
    assert "0 regressions beyond 10%: none" in text
