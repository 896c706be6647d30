#!/usr/bin/env bash
# Installs Debian packages whose command is missing.
#   scripts/need.sh cmake prometheus:promtool     package, or package:command where the names differ
# The command is what counts, not the package: a tool from elsewhere on PATH is as good.
set -euo pipefail

missing=()
for need in "$@"; do
    command -v "${need#*:}" >/dev/null || missing+=("${need%%:*}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

give_up() {
    echo "need.sh: $1" >&2
    echo "need.sh: install by hand: ${missing[*]} (names of the Debian packages)" >&2
    exit 1
}

command -v apt-get >/dev/null || give_up "there is no apt-get here"
root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || give_up "installing needs root, and there is no sudo here"
    root=(sudo)
fi

# stdout belongs to the caller's result, so apt-get talks on stderr.
echo "need.sh: installing ${missing[*]}" >&2
"${root[@]}" apt-get update -q >&2 || give_up "apt-get update failed"
"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}" >&2 ||
    give_up "apt-get install failed"

for need in "$@"; do
    command -v "${need#*:}" >/dev/null || give_up "${need%%:*} is installed, yet ${need#*:} is not on PATH"
done
