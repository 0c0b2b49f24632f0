#!/usr/bin/env bash
# tools/tidy.sh BUILD_DIR [all | FILE...]: clang-tidy over the given sources, or those changed since main.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
shift
if [ "${1:-}" = all ]; then
  mapfile -t files < <(find src apps tests -name '*.cc' -not -path '*/node_modules/*' | sort)
elif [ $# -gt 0 ]; then
  files=("$@")
else
  base=$(git merge-base HEAD main 2>/dev/null || git rev-parse 'HEAD~1')
  mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- '*.cc')
fi
# Fuzzers are built by another preset, so the compile commands here do not know them.
mapfile -t files < <(printf '%s\n' "${files[@]}" | grep -v '_fuzz\.cc$' || true)
[ "${#files[@]}" -gt 0 ] || exit 0
printf '%s\0' "${files[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy -p "$build" --quiet --warnings-as-errors='*'
