# SPDX-License-Identifier: Apache-2.0
"""Words and numbers as people read them, whatever a file has put into a name."""

import errno

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def one_line(text: str) -> str:
    """Return the text on one line, with every character that is not printable as an escape.

    What is left steers no terminal and is allowed in XML: no control, no lone surrogate, no mark that turns
    the direction of writing. Thread safety: any thread.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def size_text(size: int) -> str:
    """Return a number of bytes in the largest unit that says it exactly, halves included.

    Thread safety: any thread.
    """
    halves, unit = 2 * size, 0
    while halves >= 2048 and halves % 1024 == 0 and unit < len(_UNITS) - 1:
        halves, unit = halves // 1024, unit + 1
    return f"{halves // 2}{'.5' if halves % 2 else ''} {_UNITS[unit]}"


def rough_size(size: int) -> str:
    """Return a number of bytes as a person says it, to a tenth of its unit. Thread safety: any thread."""
    unit = min(max(size.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    return f"{round(size / (1 << 10 * unit), 1):g} {_UNITS[unit]}"


def count(number: int, noun: str) -> str:
    """Return "1 error" or "2 errors". Thread safety: any thread."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def errno_name(number: int | None) -> str:
    """Return the name of an errno of Linux, such as EINVAL. Thread safety: any thread."""
    return errno.errorcode.get(number or 0, str(number))
