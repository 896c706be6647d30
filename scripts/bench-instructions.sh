#!/usr/bin/env bash
# Instructions per proxied request, in user space, counted by callgrind: the same from run to run
# where seconds are not. Round robin first, then the onnx policy with each model folder given.
#   scripts/bench-instructions.sh [MODEL_FOLDER...]     default: models/default
# Each figure is the difference of two runs that differ in the number of requests alone, so start,
# warm-up and end cancel out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binaries="${CARGO_TARGET_DIR:-target}/release"
port="${PORT:-18080}"
admin_port="${ADMIN_PORT:-19901}"
endpoints=8
few=2000
many=12000

scripts/need.sh valgrind curl nghttp2-client:h2load
if [ -z "${SKIP_BUILD:-}" ]; then
    cargo build --locked --release --workspace --bin ai-loadbalancer --bin services-mock
fi

work="$(mktemp -d)"
started=()
stop_all() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap stop_all EXIT

wait_for() { # wait_for WHAT COMMAND...: until the command succeeds, at most 60 s
    local what="$1"
    shift
    for _ in $(seq 600); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    echo "bench-instructions.sh: gave up waiting for $what; its output:" >&2
    tail -n 20 "$work"/*.log >&2
    exit 1
}

start_endpoints() {
    local services=()
    for i in $(seq "$endpoints"); do services+=(--service "user/u$i@127.0.0.1:0"); done
    "$binaries/services-mock" "${services[@]}" --service-time fixed:0ms --concurrency 64 --seed 1 \
        >"$work/mock.out" 2>"$work/mock.log" &
    started+=($!)
    all_listen() { [ "$(grep -c '^listening ' "$work/mock.out")" -eq "$endpoints" ]; }
    wait_for "the mock services" all_listen
}

write_config() { # write_config POLICY: a cluster of all endpoints, one thread, nothing on a timer
    cat <<YAML
admin: { address: 127.0.0.1:$admin_port }
listeners: [{ address: 127.0.0.1:$port }]
threads: 1
access_log: off
clusters:
  - name: bench
    discovery:
      static:
        endpoints:
$(awk '/^listening / { print "          - { address: " $4 " }" }' "$work/mock.out")
    policy: $1
routes: [{ match: { path_prefix: / }, cluster: bench }]
YAML
}

# Results come back in `counted`: a command substitution would be a subshell, whose processes the
# trap does not know.
count_run() { # count_run REQUESTS: instructions of the proxy's whole life
    # Bash starts background processes with SIGINT ignored, and SIGINT is to stop this one.
    env --default-signal=INT valgrind --tool=callgrind --callgrind-out-file="$work/callgrind.out" \
        "$binaries/ai-loadbalancer" run -c "$work/edge.yaml" >"$work/proxy.log" 2>&1 &
    local proxy=$!
    started+=("$proxy")
    wait_for "the proxy" curl -sf "http://127.0.0.1:$admin_port/ready"
    h2load --h1 -n "$1" -c 8 "http://127.0.0.1:$port/" >"$work/load.log"
    if ! grep -q " $1 succeeded, 0 failed" "$work/load.log"; then
        echo "bench-instructions.sh: requests failed:" >&2
        cat "$work/load.log" >&2
        exit 1
    fi
    kill -INT "$proxy"
    wait "$proxy" || true
    counted="$(awk '/^(summary|totals):/ { total = $2 } END { print total }' "$work/callgrind.out")"
}

count_per_request() { # count_per_request POLICY
    write_config "$1" >"$work/edge.yaml"
    count_run "$few"
    local with_few="$counted"
    count_run "$many"
    counted=$(((counted - with_few) / (many - few)))
}

report() { # report NAME INSTRUCTIONS BASE
    awk -v name="$1" -v count="$2" -v base="$3" \
        'BEGIN { printf "%-40s %10d  %.3f x round_robin\n", name, count, count / base }'
}

start_endpoints
count_per_request '{ type: round_robin }'
base="$counted"
report round_robin "$base" "$base"
for model in "${@:-models/default}"; do
    count_per_request "{ type: onnx, model: $model, runtime: native, fallback: peak_ewma }"
    report "onnx $model" "$counted" "$base"
done
