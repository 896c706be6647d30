#!/usr/bin/env bash
# Processor time and throughput beside nginx: one worker each, the same endpoints, keep-alive on
# both sides, no access log, small responses, wrk as the client. The rows take turns, so that a
# busy machine is busy for all of them.
#   scripts/bench-peers.sh
#   ROUNDS=5       turns of each row
#   SECONDS_EACH=4 length of one turn
#   SKIP_BUILD=1   measure the release build that is there
# Processor time is what the proxy's process used (user and system), over the requests answered.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/bench-bed.sh
source scripts/bench-bed.sh

rounds="${ROUNDS:-5}"
seconds="${SECONDS_EACH:-4}"
connections=16

write_nginx_config() {
    cat >"$work/nginx.conf" <<CONF
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx-error.log;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 100000000;
    upstream bench {
$(endpoint_addresses | sed 's/.*/        server &;/')
        keepalive 64;
        keepalive_requests 100000000;
    }
    server {
        listen 127.0.0.1:$port;
        location / {
            proxy_pass http://bench;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host \$host;
        }
    }
}
CONF
}

# The results come back in `serving`: the process that does the work.
start_nginx() {
    nginx -c "$work/nginx.conf" -g 'daemon off;' >"$work/nginx.log" 2>&1 &
    started+=($!)
    owner=$!
    wait_for nginx curl -sf "http://127.0.0.1:$port/"
    serving="$(pgrep -P "$owner")"
}

start_proxy() { # start_proxy POLICY
    write_config "$1"
    env --default-signal=INT "$binaries/ai-loadbalancer" run -c "$work/edge.yaml" \
        >"$work/proxy.log" 2>&1 &
    owner=$!
    serving=$owner
    started+=("$owner")
    wait_for "the proxy" is_ready
}

processor_ticks() { # of the serving process, user and system
    awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$serving/stat"
}

measure() { # measure ROW: adds to the row's files
    local before requests ticks
    wrk -t1 -c"$connections" -d1s "http://127.0.0.1:$port/" >"$work/wrk.log" # warm-up
    before="$(processor_ticks)"
    wrk -t1 -c"$connections" -d"${seconds}s" "http://127.0.0.1:$port/" >"$work/wrk.log"
    ticks=$(($(processor_ticks) - before))
    if grep -qE 'Non-2xx|Socket errors' "$work/wrk.log"; then
        fail "requests failed:" "$work/wrk.log"
    fi
    requests="$(awk '/requests in/ { print $1 }' "$work/wrk.log")"
    awk -v ticks="$ticks" -v hertz="$(getconf CLK_TCK)" -v requests="$requests" \
        'BEGIN { print ticks / hertz / requests * 1e6 }' >>"$work/micros.$1"
    awk '/Requests\/sec/ { print $2 }' "$work/wrk.log" >>"$work/rate.$1"
}

stop_owner() {
    kill -INT "$owner"
    wait "$owner" || true
}

report() { # report ROW
    local micros rate base
    read -r base _ <<<"$(statistics "$work/micros.0")"
    micros="$(statistics "$work/micros.$1")"
    rate="$(statistics "$work/rate.$1")"
    awk -v name="${names[$1]}" -v micros="$micros" -v rate="$rate" -v base="$base" 'BEGIN {
        split(micros, m, " "); split(rate, r, " ")
        printf "| %s | %.1f | %.1f to %.1f | %.2f | %d | %d to %d |\n",
            name, m[1], m[2], m[3], m[1] / base, r[1], r[2], r[3] }'
}

scripts/need.sh curl wrk nginx procps:pgrep
build_release
start_endpoints
author_study
write_nginx_config

names=(nginx "round_robin" "onnx default" "onnx study-32-24")
policies=("" '{ type: round_robin }' "$(onnx models/default)" "$(onnx "$work/study-32-24")")

for _ in $(seq "$rounds"); do
    for row in "${!names[@]}"; do
        if [ "$row" -eq 0 ]; then start_nginx; else start_proxy "${policies[$row]}"; fi
        measure "$row"
        stop_owner
    done
done

echo "| Proxy | CPU µs per request, median of $rounds | Spread | Ratio to nginx | Requests per second | Spread |"
echo "|---|---|---|---|---|---|"
for row in "${!names[@]}"; do report "$row"; done
