# SPDX-License-Identifier: Apache-2.0
"""What the documents say about the tree is so: files, names, links, the rooms, the loader's checks."""

import errno
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from resource_tables import CHECKS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOMS: list[str] = PROJECT["tool"]["importlinter"]["root_packages"]

FOLDERS = (*ROOMS, "sdk", "docs", "tests", "examples", "benchmarks", "tools", ".ci")
SOURCES = {".py", ".pyi", ".c", ".h", ".cmake", ".ld", ".toml", ".txt"}

PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./*-]*")
NAME = re.compile(r"(?:struct )?[A-Za-z_]\w*(?:\.\w+)*(?:\(\))?")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
#: Folders in which this project was built or tried, or in which its next reader has nothing.
BUILD_MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home|tmp|mnt)/\w+|file://|[A-Z]:\\")

#: Functions of Linux that pages quote without any source here doing so.
LINUX = {"virtqueue_get_buf"}

pages = pytest.mark.parametrize("page", PAGES, ids=IDS)


def quoted(text: str) -> list[str]:
    """Return what stands in `code` outside fenced blocks, and joined over a line's end."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [re.sub(r"\s+", " ", found) for found in re.findall(r"`([^`]+)`", outside)]


@cache
def words_of_the_sources() -> frozenset[str]:
    """Return every word in a source file of the project, this one left out."""
    files = [path for path in ROOT.iterdir() if path.suffix in SOURCES]
    for folder in FOLDERS:
        files += [path for path in (ROOT / folder).rglob("*") if path.suffix in SOURCES and path.is_file()]
    own = Path(__file__)
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in files if path != own)
    return frozenset(word for text in texts for word in re.findall(r"[A-Za-z_]\w*", text))


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, something in one, or a group of entry points."""
    if name in PROJECT["project"]["entry-points"]:
        return True
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def slug(heading: str) -> str:
    """Return the anchor that a heading gets when it is rendered."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {slug(heading) for heading in headings}


@pages
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = {path.rstrip(".") for path in PATH.findall(page.read_text(encoding="utf-8"))}
    assert sorted(path for path in named if not any(ROOT.glob(path.rstrip("/")))) == []


def names_in(page: Path) -> Iterator[str]:
    """Yield the names in `code` that can only be a program's: with _, a dot, () or a capital inside."""
    for text in quoted(page.read_text(encoding="utf-8")):
        if NAME.fullmatch(text) and re.search(r"_|\.|\(\)|[a-z][A-Z]|^struct ", text):
            yield text.removeprefix("struct ").removesuffix("()")


@pages
def test_every_name_in_code_exists_in_the_sources(page: Path) -> None:
    dotted = {name for name in names_in(page) if name.split(".")[0] in ROOMS and "." in name}
    assert sorted(name for name in dotted if not resolves(name)) == []
    words = {word for name in names_in(page) if name not in dotted for word in name.split(".")}
    files = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")}
    known = words_of_the_sources() | LINUX | {part for name in files for part in name.split(".")}
    assert sorted(words - known) == []


@pages
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        goal = (page.parent / target) if target else page
        if not goal.exists() or (anchor and anchor not in anchors(goal)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


@pages
def test_no_page_names_a_folder_of_a_build_machine(page: Path) -> None:
    assert BUILD_MACHINE.findall(page.read_text(encoding="utf-8")) == []


def test_the_picture_of_the_rooms_is_the_import_contract() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert "```\n" + "\n".join(layers) + "\n```\n" in text
    assert {room for layer in layers for room in layer.split(" | ")} == set(ROOMS)
    rows = set(re.findall(r"^\| `(\w+)/` \|", text, flags=re.MULTILINE))
    assert rows == {*ROOMS, "sdk"}


def test_the_doors_to_the_extension_are_those_of_the_import_contract() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (doors,) = (contract["ignore_imports"] for contract in contracts if contract["type"] == "forbidden")
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+/_native\.py)`", text))
    assert named == {door.split(" -> ")[0].replace(".", "/") + ".py" for door in doors}


def test_every_check_of_the_kernel_is_listed_with_its_errno_place_and_line() -> None:
    text = (DOCS / "linux-facts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| (E\w+) \| (\S+) (\w+) \d+ \| (.*) \|$", text, flags=re.MULTILINE)
    expected = []
    for check in CHECKS:
        if check.kernel:
            file, _, function = check.source.removeprefix("remoteproc_").partition(": ")
            line = "silent" if check.log is None else f'"{check.log}"'
            expected.append((check.id, errno.errorcode[check.errno], file, function, line))
    assert rows == expected


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if p.parent.name == "decisions" and p.name != "README.md"],
    ids=lambda p: p.stem[:4],
)
def test_a_decision_says_what_was_given_up_and_what_shows_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    heads = re.findall(r"^\*\*([\w ]+)\.\*\*", text, flags=re.MULTILINE)
    assert heads == ["Context", "Decision", "Given up", "Evidence"]
    ((number, title),) = re.findall(r"^# (\d+)\. (.+)$", text, flags=re.MULTILINE)
    assert int(page.name[:4]) == int(number)
    index = (page.parent / "README.md").read_text(encoding="utf-8")
    assert f"| [{number}]({page.name}) | {title} |" in index
