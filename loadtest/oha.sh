#!/bin/sh
# Load at a rate with oha, latency corrected for coordinated omission.
# Usage: oha.sh URL RATE SECONDS        CONNECTIONS=200 from the environment
set -eu

if [ $# -ne 3 ]; then
    echo "usage: $0 URL RATE SECONDS" >&2
    exit 2
fi
url=$1 rate=$2 seconds=$3

if ! command -v oha >/dev/null; then
    echo "oha is missing: cargo install --locked oha" >&2
    exit 1
fi

# Without --latency-correction oha would count from the real start and hide waiting.
exec oha -q "$rate" -z "${seconds}s" -c "${CONNECTIONS:-200}" --latency-correction --no-tui "$url"
