#!/usr/bin/env bash
# Runs cargo-deny at the pinned version, installing it into .tools/cargo first where it is missing.
#   scripts/cargo-deny.sh check --hide-inclusion-graph bans licenses sources
# These three checks read Cargo.lock and the crates alone. `check advisories` would fetch a
# database from GitHub and is left to whoever has that access.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=0.20.2
tool=.tools/cargo/bin/cargo-deny

if [ "$("$tool" --version 2>/dev/null || true)" != "cargo-deny $version" ]; then
    # It runs for seconds, so a quick build is worth more than a quick program.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=false \
        cargo install cargo-deny --locked --version "$version" --root .tools/cargo
fi
exec "$tool" "$@"
