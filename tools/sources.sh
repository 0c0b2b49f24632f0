#!/usr/bin/env bash
# Prints our C++ sources, each ended by a NUL byte; also in a tree without git.
cd "$(dirname "$0")/.." || exit 1
find src apps examples tests \( -name '*.cc' -o -name '*.h' \) -not -path '*/node_modules/*' -print0 | sort -z
