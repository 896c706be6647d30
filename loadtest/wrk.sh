#!/bin/sh
# Closed-loop load with wrk: how much a server can take. wrk cannot hold a rate, so RATE is only
# compared with what was reached; see README.md on what it hides.
# Usage: wrk.sh URL RATE SECONDS        CONNECTIONS=32 THREADS=2 from the environment
set -eu

if [ $# -ne 3 ]; then
    echo "usage: $0 URL RATE SECONDS" >&2
    exit 2
fi
url=$1 rate=$2 seconds=$3

if ! command -v wrk >/dev/null; then
    echo "wrk is missing: apt-get install wrk" >&2
    exit 1
fi

echo "wrk is closed-loop: it sends as fast as answers come, not $rate/s; compare Requests/sec" >&2
exec wrk --latency --connections "${CONNECTIONS:-32}" --threads "${THREADS:-2}" \
    --duration "${seconds}s" "$url"
