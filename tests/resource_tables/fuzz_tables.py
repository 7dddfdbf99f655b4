# SPDX-License-Identifier: Apache-2.0
"""Fuzz targets of the room, for tools/fuzz: fuzz_table takes bytes as a table, fuzz_image as a firmware file.

Whatever the bytes are, the validator has a report that every form can show, its verdict for this host is what
the loader does, and the readers raise nothing but TableError. atheris is libFuzzer for Python: it follows the
branches that an input takes through the room.

    fuzz_tables.py seeds FOLDER                  write the corpus: FOLDER/fuzz_table-N, FOLDER/fuzz_image-N
    fuzz_tables.py fuzz_table [LIBFUZZER...]     run a target
"""

import random
import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
# The finder of an editable installation has a loader that atheris cannot instrument.
sys.meta_path[:] = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("_editable")]

with atheris.instrument_imports(include=["resource_tables"]):
    from resource_tables import (
        ElfImage,
        LoaderError,
        Report,
        TableError,
        check_image,
        check_segments,
        check_table,
        emit,
        load_profile,
        parse,
        render_text,
        validate,
    )
    from resource_tables.authoring.edit import edit
    from resource_tables.authoring.ownership import ownership
    from resource_tables.authoring.salvage import salvage
    from resource_tables.authoring.source_text import assembler_source, c_source
    from resource_tables.authoring.toml_text import dump_toml, load_toml
    from resource_tables.layout import TableLayout
    from resource_tables.lint.draw import draw
    from resource_tables.lint.draw import render_text as render_drawing
    from resource_tables.lint.reports import github, junit, plain_json, sarif, text
    from tests.corpus.files import images, is_image, paths
    from tests.oracle.mutate import mutants

_FORMS = (text, plain_json, junit, github)
_HOST = load_profile("ecu-host")
_OTHERS = tuple(map(load_profile, ("linux-6.12", "ti-k3-r5", "openamp", "linux-6.1")))


def _show(report: Report, number: int) -> None:
    """Put the report into one of its forms, and the drawing into text."""
    # The whole list of rules is in each SARIF document, which takes its time.
    form = sarif if number % 32 == 0 else _FORMS[number % len(_FORMS)]
    form.render([report])
    if report.context is not None:
        render_drawing(draw(report.context, report.findings))


def fuzz_table(data: bytes) -> None:
    """Everything that the room does with a table."""
    number = sum(data[:64])
    _show(validate(data, profile=_OTHERS[number % len(_OTHERS)], raw=True), number)
    report = validate(data, profile=_HOST, raw=True)
    try:
        check_table(data, iommu=False)
        refused = None
    except LoaderError as error:
        refused = error.errno
    assert report.verdict.errno == refused, (report.verdict, refused)
    _take_apart(data, number)


def _take_apart(data: bytes, number: int) -> None:
    """Read what can be read; write it in its forms, one kind for each, since that takes its time."""
    try:
        salvage(data)
        table = parse(data)
        assert parse(emit(table)) == table
        render_text(table)
        layout = TableLayout.parse(data)
        ownership(layout)
        if number % 4 == 0:
            assert load_toml(dump_toml(layout)).emit() == data
        elif number % 4 == 1:
            c_source(layout)
            assembler_source(layout)
    except TableError:
        # Too short, too large, or entries that overlap: there is no such table to be written.
        return


def fuzz_image(data: bytes) -> None:
    """Everything that the room does with a firmware file."""
    number = sum(data[:64])
    _show(validate(data, profile=_OTHERS[number % len(_OTHERS)], raw=False), number)
    report = validate(data, profile=_HOST, raw=False)
    try:
        image = ElfImage.parse(data)
        check_image(image)
        check_table(image.table_bytes or b"", iommu=False)
        refused = None
    except LoaderError as error:
        refused = error.errno
    assert report.verdict.errno == refused, (report.verdict, refused)
    try:
        edited = edit(data, ["vdev0.vring0.num=64"]).data
        assert len(edited) == len(data)
        check_segments(ElfImage.parse(edited), lambda da, size: da + size < 1 << 32)
    except TableError:
        return


def _mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change fields as often as bytes: a flipped bit seldom finds an offset that leads anywhere."""
    if random.Random(seed).random() < 0.5:
        return bytes(atheris.Mutate(data, max_size))
    (mutant,) = mutants([data], 1, str(seed))
    return mutant[:max_size]


def write_seeds(folder: Path) -> None:
    """Write the corpus: images, and the tables that are in them."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = [path.read_bytes() for path in paths() if not is_image(path)]
    for number, data in enumerate(images()):
        (folder / f"fuzz_image-{number}").write_bytes(data)
        try:
            tables.append(ElfImage.parse(data).table_bytes or b"")
        except TableError:
            continue
    for number, data in enumerate(tables):
        (folder / f"fuzz_table-{number}").write_bytes(data)


TARGETS = {"fuzz_table": fuzz_table, "fuzz_image": fuzz_image}


def main() -> None:
    """Do what the arguments say."""
    if sys.argv[1] == "seeds":
        write_seeds(Path(sys.argv[2]))
        return
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]], custom_mutator=_mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
