# Sourced by the bench scripts: endpoints to proxy to, configurations, waiting, tidying up, and
# statistics. Sets `binaries`, `work` (a temporary folder), `port`, `admin_port` and `endpoints`.
# shellcheck shell=bash

binaries="${CARGO_TARGET_DIR:-target}/release"
port="${PORT:-18080}"
admin_port="${ADMIN_PORT:-19901}"
endpoints=8

work="$(mktemp -d)"
started=()
stop_all() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap stop_all EXIT

fail() { # fail MESSAGE [FILE...]: shows the end of the files and gives up
    echo "$(basename "$0"): $1" >&2
    shift
    if [ $# -gt 0 ]; then tail -n 20 "$@" >&2; fi
    exit 1
}

build_release() {
    if [ -n "${SKIP_BUILD:-}" ]; then return; fi
    cargo build --locked --release --workspace \
        --bin ai-loadbalancer --bin services-mock --bin author-study
}

wait_for() { # wait_for WHAT COMMAND...: until the command succeeds, at most 60 s
    local what="$1"
    shift
    for _ in $(seq 600); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    fail "gave up waiting for $what; its output:" "$work"/*.log
}

start_endpoints() { # all in one process, answering at once
    local services=()
    for i in $(seq "$endpoints"); do services+=(--service "user/u$i@127.0.0.1:0"); done
    "$binaries/services-mock" "${services[@]}" --service-time fixed:0ms --concurrency 64 --seed 1 \
        >"$work/mock.out" 2>"$work/mock.log" &
    started+=($!)
    all_listen() { [ "$(grep -c '^listening ' "$work/mock.out")" -eq "$endpoints" ]; }
    wait_for "the mock services" all_listen
}

endpoint_addresses() { awk '/^listening / { print $4 }' "$work/mock.out"; }

is_ready() { curl -sf "http://127.0.0.1:$admin_port/ready"; }

# Rows differ in the policy alone: outlier detection is on in all of them, health checks in none,
# so that nothing runs on a timer.
write_config() { # write_config POLICY
    cat >"$work/edge.yaml" <<YAML
admin: { address: 127.0.0.1:$admin_port }
listeners: [{ address: 127.0.0.1:$port }]
threads: 1
access_log: off
clusters:
  - name: bench
    discovery:
      static:
        endpoints:
$(endpoint_addresses | sed 's/.*/          - { address: & }/')
    policy: $1
routes: [{ match: { path_prefix: / }, cluster: bench }]
YAML
}

# The budget is a second, because under callgrind everything takes fifty times as long.
onnx() { # onnx MODEL_FOLDER: the policy, as write_config takes it
    echo "{ type: onnx, model: $1, runtime: native, fallback: peak_ewma, score_budget: 1s }"
}

# The study's net with random weights: it decides nothing sensible, and costs what a trained one
# costs.
author_study() { "$binaries/author-study" "$work/study-32-24"; }

statistics() { # statistics FILE: median, least and greatest of its numbers, one to a line
    sort -n "$1" | awk '{ value[NR] = $1 }
        END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2, value[1], value[NR] }'
}
