# SPDX-License-Identifier: Apache-2.0
"""Where the SDK lies: its headers, libraries, sources and CMake package, in an installation or a source
tree.
"""

import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rprochost.errors import BuildError, SdkError


@dataclass(frozen=True, slots=True)
class Sdk:
    """The folders of one SDK. Thread safety: immutable."""

    include: Path
    #: Holds libecusdk.a and libecusdk_posix.a.
    lib: Path
    cmake: Path
    #: Holds src/ and posix/.
    sources: Path
    #: Holds echo/echo.c.
    examples: Path
    #: Holds the ECU that is measured, built: bench, bench_large and libbench.so.
    bench: Path

    def cflags(self) -> list[str]:
        """Return what the compiler needs for an ECU of either kind."""
        # The same object goes into a shared library and a position-independent executable; hidden symbols
        # keep two copies in one process apart.
        return [f"-I{self.include}", "-fPIC", "-fvisibility=hidden"]

    def libs(self) -> list[str]:
        """Return what the linker needs, for a library (with -shared) as for an executable (with -pie)."""
        binding = ["-Wl,-Bsymbolic", "-Wl,--exclude-libs,ALL", "-Wl,-u,ecu_get_ops"]
        script = self.cmake / "image_size.ld"
        return [*binding, str(script), f"-L{self.lib}", "-lecusdk_posix", "-lecusdk", "-pthread"]


def _candidates() -> Iterator[Sdk]:
    root = Path(__file__).resolve().parents[1]
    for folder in dict.fromkeys([root, *(Path(sysconfig.get_path(name)) for name in ("platlib", "purelib"))]):
        sdk = folder / "ecusdk"
        yield Sdk(sdk / "include", sdk / "lib", sdk / "cmake", sdk, sdk / "examples", sdk / "bench")
    tree, build = root / "sdk", root / "build"
    yield Sdk(tree / "include", build, tree / "cmake", tree, root / "examples", build / "bench")


def find_sdk() -> Sdk:
    """Return the SDK that belongs to this installation, else that of the source tree.

    Raises SdkError. Thread safety: any thread.
    """
    for sdk in _candidates():
        if (sdk.lib / "libecusdk.a").is_file() and (sdk.include / "ecusdk" / "ecu.h").is_file():
            return sdk
    raise SdkError("the ECU SDK is not installed", "install the wheel again, or run make in the source tree")


def find_compiler() -> str | None:
    """Return the C compiler's path, or None when there is none. Thread safety: any thread."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def build_ecu(compiler: str, sources: Sequence[Path], output: Path, *, library: bool) -> None:
    """Compile an ECU with the flags of ``rproc sdk``.

    Raises BuildError with what the compiler said when it fails, SdkError without the SDK.
    Thread safety: any thread.
    """
    sdk = find_sdk()
    shape = "-shared" if library else "-pie"
    given = [shape, *map(str, sources), "-o", str(output)]
    command = [compiler, "-O2", "-std=c11", *sdk.cflags(), *given, *sdk.libs()]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BuildError(f"{output.name} does not build: {result.stderr.strip()}", " ".join(command))
