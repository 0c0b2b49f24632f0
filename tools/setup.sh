#!/usr/bin/env bash
# Installs what building, testing and measuring Torc need on Debian 12 (bookworm). Does nothing, quickly, when all of it
# is there. Starts no service: the redis and etcd packages would otherwise bring their daemons up on the default ports.
#
#   tools/setup.sh                 what the build needs
#   tools/setup.sh --with-tests    ... and the tests (Redis tools and server, Python client, Node, clang)
#   tools/setup.sh --with-bench    ... and the measurements (redis-server, etcd)
set -euo pipefail

build=(g++ cmake ninja-build ccache lld pkg-config libgtest-dev libgmock-dev librocksdb-dev libboost1.81-dev
  protobuf-compiler libprotobuf-dev libxxhash-dev libcli11-dev libspdlog-dev nlohmann-json3-dev)
tests=(clang libclang-rt-14-dev clang-format clang-tidy redis-tools redis-server python3 python3-redis util-linux
  iproute2)
bench=(redis-tools redis-server etcd-server etcd-client python3)
daemons=(redis-server etcd-server)

say() { printf 'setup: %s\n' "$*" >&2; }

is_installed() { dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^.i'; }

missing_of() { # one dpkg-query for all in the ordinary case that nothing is missing
  local all package
  if all=$(dpkg-query -W -f='${db:Status-Abbrev}\n' "$@" 2>/dev/null) && ! grep -qv '^.i' <<<"$all"; then return; fi
  for package in "$@"; do is_installed "$package" || echo "$package"; done
}

# Runs as root, one at a time on this machine: two checkouts may set up at once.
install_as_root() {
  local policy=/usr/sbin/policy-rc.d made_policy='' package unit fresh=()
  mkdir -p /run/lock
  exec 9>/run/lock/torc-setup.lock
  flock 9
  local wanted
  mapfile -t wanted < <(missing_of "$@")
  [ "${#wanted[@]}" -gt 0 ] || return 0
  for package in "${daemons[@]}"; do
    if printf '%s\n' "${wanted[@]}" | grep -qx "$package"; then fresh+=("$package"); fi
  done
  if [ "${#fresh[@]}" -gt 0 ] && [ ! -e "$policy" ]; then
    printf '#!/bin/sh\n# From Torc, while its packages are installed: no service starts.\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made_policy=yes
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  local apt=(apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -q)
  if ! "${apt[@]}" install -y --no-install-recommends "${wanted[@]}" </dev/null; then
    say "retrying after refreshing the package lists"
    "${apt[@]}" update </dev/null || say "apt-get update failed: is the package source reachable? going on with the lists we have"
    if ! "${apt[@]}" install -y --no-install-recommends "${wanted[@]}" </dev/null; then
      say "apt-get could not install: ${wanted[*]}"
      say "these are packages of Debian 12 (bookworm); see the lines above for the reason, then run again"
      return 1
    fi
  fi
  # Packages that came with us do not start at the next boot either; those that were here before stay as they were.
  for package in "${fresh[@]}"; do
    unit=${package/etcd-server/etcd}
    if command -v systemctl >/dev/null; then systemctl disable --now "$unit" >/dev/null 2>&1 || true; fi
  done
  if [ -n "$made_policy" ]; then rm -f "$policy"; fi
}

if [ "${1:-}" = --install ]; then # internal: the part that needs root
  shift
  install_as_root "$@"
  exit
fi

wanted=("${build[@]}")
for level in "$@"; do
  case $level in
    --with-tests)
      wanted+=("${tests[@]}")
      # A Node that is already here, from wherever, is used.
      command -v node >/dev/null || wanted+=(nodejs)
      command -v npm >/dev/null || wanted+=(npm)
      ;;
    --with-bench) wanted+=("${bench[@]}") ;;
    -h | --help)
      sed -n '2,8s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    *)
      say "unknown option $level (known: --with-tests --with-bench)"
      exit 2
      ;;
  esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  say "this is no Debian system; assuming that you installed: ${wanted[*]}"
  exit 0
fi
mapfile -t missing < <(missing_of "${wanted[@]}")
[ "${#missing[@]}" -gt 0 ] || exit 0

say "installing: ${missing[*]}"
if [ "$(id -u)" -eq 0 ]; then
  bash "$0" --install "${missing[@]}"
elif command -v sudo >/dev/null; then
  sudo bash "$0" --install "${missing[@]}" || {
    say "could not install as root; run as root: $0 $*"
    exit 1
  }
else
  say "packages are missing and neither root nor sudo is at hand; run as root: $0 $*"
  exit 1
fi
