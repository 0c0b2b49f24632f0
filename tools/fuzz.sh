#!/usr/bin/env bash
# tools/fuzz.sh BUILD_DIR JOBS FLAG...: runs every fuzzer in BUILD_DIR/bin, JOBS at a time, each from its committed
# corpus (tests/fuzz/corpus/<name>). A failure prints the fuzzer's output and keeps its input in BUILD_DIR/fuzz/<name>.
set -euo pipefail
build=$1 jobs=$2
shift 2
cd "$(dirname "$0")/.."

run_one() {
  local fuzzer=$1 name work seeds
  shift
  name=$(basename "$fuzzer")
  work=$build/fuzz/$name
  mkdir -p "$work/corpus"
  seeds=tests/fuzz/corpus/$name
  if "$fuzzer" "$@" -artifact_prefix="$work/" "$work/corpus" $([ -d "$seeds" ] && echo "$seeds") >"$work/log" 2>&1 </dev/null; then
    printf 'fuzz: %s: fine, %s runs\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")"
  else
    tail -n 60 "$work/log"
    printf 'fuzz: %s FAILED; its input is in %s; again: %s %s/crash-*\n' "$name" "$work" "$fuzzer" "$work"
    return 1
  fi
}
export -f run_one
export build

shopt -s nullglob
fuzzers=("$build"/bin/torc_*_fuzz)
if [ "${#fuzzers[@]}" -eq 0 ]; then
  echo "fuzz: no fuzzers in $build/bin" >&2
  exit 1
fi
printf '%s\0' "${fuzzers[@]}" | xargs -0 -P "$jobs" -I{} bash -c 'run_one "$@"' _ {} "$@"
