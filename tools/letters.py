#!/usr/bin/env python3
"""Writes src/mapreduce/letters_table.cc: the letters of Unicode (categories L*) above ASCII, as ranges.

    tools/letters.py > src/mapreduce/letters_table.cc
"""
import sys
import unicodedata


def ranges():
    first = None
    for code in range(0x80, 0x110001):
        is_letter = code <= 0x10FFFF and unicodedata.category(chr(code)).startswith("L")
        if is_letter and first is None:
            first = code
        if not is_letter and first is not None:
            yield first, code - 1
            first = None


def main():
    rows = list(ranges())
    print(f"// Made by tools/letters.py from Unicode {unicodedata.unidata_version}: change it there.")
    print('#include "mapreduce/letters.h"\n\nnamespace torc::mapreduce {\n')
    print("// clang-format off\nconst LetterRange kLetterRanges[] = {")
    line = "   "
    for first, last in rows:
        cell = f" {{0x{first:x}, 0x{last:x}}},"
        if len(line) + len(cell) > 118:
            print(line)
            line = "   "
        line += cell
    print(line)
    print("};\n// clang-format on")
    print("const size_t kLetterRangeCount = sizeof kLetterRanges / sizeof kLetterRanges[0];\n")
    print("}  // namespace torc::mapreduce")
    return 0


if __name__ == "__main__":
    sys.exit(main())
