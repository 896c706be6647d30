#!/usr/bin/env bash
# Instructions per proxied request, in user space, counted by callgrind: the same from run to run
# where seconds are not. Round robin first, then the onnx policy with each model folder given.
#   scripts/bench-instructions.sh [MODEL_FOLDER...]
#       default: models/default, and the study's net with random weights
#   ROUNDS=3       runs of each row, the rows in turn
#   SKIP_BUILD=1   measure the release build that is there
#   PROFILES=DIR   keep the last profile of each row, for callgrind_annotate
# Only requests count: the counter is set to zero once the proxy is warm, and read before it ends.
# Loading a model measures its speed for a limited time, so a whole run is not the same twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/bench-bed.sh
source scripts/bench-bed.sh

rounds="${ROUNDS:-3}"
warm_up=1000
requests=5000

send() { # send REQUESTS
    h2load --h1 -n "$1" -c 8 "http://127.0.0.1:$port/" >"$work/load.log"
    grep -q " $1 succeeded, 0 failed" "$work/load.log" || fail "requests failed:" "$work/load.log"
}

control() { # control ORDER: to the callgrind that counts
    callgrind_control "$1" "$proxy" >"$work/control.log" 2>&1 ||
        fail "callgrind does not obey:" "$work/control.log"
}

# The result comes back in `counted`: a command substitution would be a subshell, whose processes
# the trap does not know.
count_per_request() { # count_per_request POLICY
    write_config "$1"
    rm -f "$work"/callgrind.out*
    # Bash starts background processes with SIGINT ignored, and SIGINT is to stop this one.
    env --default-signal=INT valgrind --tool=callgrind --callgrind-out-file="$work/callgrind.out" \
        "$binaries/ai-loadbalancer" run -c "$work/edge.yaml" >"$work/proxy.log" 2>&1 &
    local proxy=$!
    started+=("$proxy")
    wait_for "the proxy" is_ready
    send "$warm_up"
    control --zero
    send "$requests"
    control --dump
    kill -INT "$proxy"
    wait "$proxy" || true
    counted="$(awk '/^totals:/ { total = $2 } END { print total }' "$work/callgrind.out.1")"
    counted=$((counted / requests))
}

keep_profile() { # keep_profile ROW
    if [ -n "${PROFILES:-}" ]; then
        mkdir -p "$PROFILES"
        mv "$work/callgrind.out.1" "$PROFILES/callgrind.out.$1"
    fi
}

report() { # report NAME MEDIAN LEAST GREATEST BASE
    awk -v name="$1" -v median="$2" -v least="$3" -v greatest="$4" -v base="$5" 'BEGIN {
        printf "| %s | %d | %d to %d | %.3f |\n", name, median, least, greatest, median / base }'
}

scripts/need.sh valgrind curl nghttp2-client:h2load
build_release
start_endpoints
author_study
if [ $# -eq 0 ]; then set -- models/default "$work/study-32-24"; fi

names=(round_robin)
policies=('{ type: round_robin }')
for model in "$@"; do
    names+=("onnx $(basename "$model")")
    policies+=("$(onnx "$model")")
done

for _ in $(seq "$rounds"); do
    for row in "${!policies[@]}"; do
        count_per_request "${policies[$row]}"
        echo "$counted" >>"$work/row.$row"
        keep_profile "$row"
    done
done

echo "| Policy | Instructions per request, median of $rounds | Spread | Ratio to round_robin |"
echo "|---|---|---|---|"
read -r base _ <<<"$(statistics "$work/row.0")"
for row in "${!policies[@]}"; do
    read -r median least greatest <<<"$(statistics "$work/row.$row")"
    report "${names[$row]}" "$median" "$least" "$greatest" "$base"
done
