#!/usr/bin/env bash
# install.sh DIR: the npm clients at the versions of package-lock.json, and the scripts that use them, in DIR.
# Does nothing when DIR already has them.
set -euo pipefail
source=$(cd "$(dirname "$0")" && pwd)
target=$1
mkdir -p "$target"
cp "$source"/*.mjs "$source"/*.py "$target"/
if cmp -s "$source/package-lock.json" "$target/node_modules/.installed"; then exit 0; fi
cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" "$target"/
cd "$target"
npm ci --no-progress </dev/null
cp package-lock.json node_modules/.installed
