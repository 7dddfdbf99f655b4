# SPDX-License-Identifier: Apache-2.0
"""Step 1: one C source, built as shared library and as executable; the third core is Python."""

import time
from dataclasses import dataclass
from pathlib import Path

from rprochost.demo.stage import Stage
from rprochost.sdk import build_ecu, find_compiler, find_sdk


@dataclass(frozen=True, slots=True)
class Image:
    """A firmware file and the core that runs it. Thread safety: immutable."""

    core: str
    kind: str
    path: str
    note: str


def python_image() -> Image:
    """Return the core that needs no compiler. Thread safety: any thread."""
    path = Path(__file__).with_name("echo_core.py")
    return Image("mirror", "python", f"{path}:Echo", "a class, in a thread of this process")


def build(stage: Stage, folder: Path) -> list[Image]:
    """Build what the demo runs; without a compiler only the Python core is left, and it says so."""
    stage.begin("Build the example ECU from C, once as shared library and once as executable")
    compiler = find_compiler()
    if compiler is None:
        stage.say("  no C compiler here: the library core and the process core are left out")
        stage.say("  install one, for example:  apt-get install gcc libc6-dev")
        images = [python_image()]
    else:
        images = [*_compile(stage, compiler, folder), python_image()]
    stage.say("")
    width = max(len(Path(image.path).name) for image in images)
    for image in images:
        name = Path(image.path).name.ljust(width)
        stage.say(f"  {stage.style(image.core.ljust(7), 'cyan')} {image.kind:<8} {name}  {image.note}")
    stage.result("build", compiler=compiler, cores={image.core: image.kind for image in images})
    return images


def _compile(stage: Stage, compiler: str, folder: Path) -> list[Image]:
    source = find_sdk().examples / "echo" / "echo.c"
    images = []
    for core, kind, name, note in (
        ("door", "library", "libecho.so", "dlopened, in a thread of this process"),
        ("window", "process", "echo", "a process of its own"),
    ):
        shape = "-shared" if kind == "library" else "-pie"
        stage.say(f"  cc {shape:<7} echo.c $(rproc sdk --cflags --libs) -o {name}")
        begin = time.monotonic()
        build_ecu(compiler, [source], folder / name, library=kind == "library")
        stage.output.detail(f"built {name} in {time.monotonic() - begin:.2f} s")
        images.append(Image(core, kind, str(folder / name), note))
    num = sum(1 for line in source.read_text(encoding="utf-8").splitlines() if line.strip())
    stage.good(f"{source.name}, {num} lines of C, built twice")
    return images
