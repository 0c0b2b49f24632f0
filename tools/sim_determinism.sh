#!/bin/bash
# The same seeds must give the same trace hashes in debug and release, built by g++ and by clang++: what differs would
# come from evaluation order, floating point, pointers or hash tables, and no failure of one could be repeated by another.
# Usage: tools/sim_determinism.sh <jobs> <seeds>
set -eu -o pipefail
cd "$(dirname "$0")/.."
jobs=${1:-2}
seeds=${2:-10}

hashes() {  # <build directory> <preset, or the compiler of a build without one> <build type>
  if [[ $2 == clang++ ]]; then
    cmake -S . -B "$1" -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE="$3" >/dev/null
  else
    cmake --preset "${1#build/}" >/dev/null
  fi
  cmake --build "$1" --parallel "$jobs" --target torc-sim >/dev/null
  for nodes in 3 5; do "$1/bin/torc-sim" --hashes --nodes "$nodes" --seeds "$seeds"; done
}

expected=
for build in "build/release g++ Release" "build/debug g++ Debug" "build/clang-release clang++ Release" \
             "build/clang-debug clang++ Debug"; do
  read -r directory compiler type <<<"$build"
  found=$(hashes "$directory" "$compiler" "$type")
  if [[ -z $expected ]]; then
    expected=$found
  elif [[ $found != "$expected" ]]; then
    echo "$compiler $type differs from g++ Release (< g++ Release, > $compiler $type):"
    diff <(echo "$expected") <(echo "$found") || true
    exit 1
  fi
  echo "$compiler $type: $(echo "$found" | wc -l) worlds, hash of their hashes $(echo "$found" | cksum | cut -d' ' -f1)"
done
