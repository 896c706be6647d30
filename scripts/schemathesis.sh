#!/usr/bin/env bash
# Sends requests made from each service's OpenAPI document to it, valid ones and others, in the name
# of the administrator. Fails on any status of 500 and above and on any that is not documented.
# Starts the shop (conf/shop.yaml, so ports 8080 to 8086 and 9901 must be free) and ends it.
#   scripts/schemathesis.sh [EXAMPLES PER OPERATION, default 25] [SERVICE…]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

examples="${1:-25}"
services=("${@:2}")
[ ${#services[@]} -gt 0 ] || services=(user cart order inventory payment notification)
declare -A ports=([user]=8081 [cart]=8082 [order]=8083 [inventory]=8084 [payment]=8085 [notification]=8086)

scripts/need.sh cmake
cargo build --locked --workspace --bins
programs="${CARGO_TARGET_DIR:-target}/debug"
python="$(scripts/python.sh scripts/schemathesis-requirements.txt)"

folder="$(mktemp -d)"
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
secret() { head -c 32 /dev/urandom | base64 -w 0; }
secret >"$folder/token-secret"
secret >"$folder/admin-password"

options=()
for service in user cart order inventory payment notification; do
    options+=(--service "$service")
done
"$programs/services-mock" --shop --data-dir "$folder/data" "${options[@]}" \
    --jwt-secret-file "$folder/token-secret" --bcrypt-cost 4 --service-time fixed:1ms \
    --admin-email root@example.com --admin-password-file "$folder/admin-password" \
    >"$folder/services.log" 2>&1 &
started+=($!)
"$programs/ai-loadbalancer" run -c conf/shop.yaml >"$folder/proxy.log" 2>&1 &
started+=($!)

log_in() {
    curl -sf http://127.0.0.1:8080/api/users/login -H 'content-type: application/json' \
        -d "{\"email\":\"root@example.com\",\"password\":\"$(cat "$folder/admin-password")\"}" |
        sed 's/.*"token":"\([^"]*\)".*/\1/'
}
for _ in $(seq 100); do
    token="$(log_in || true)"
    [ -z "$token" ] || break
    sleep 0.2
done
if [ -z "$token" ]; then
    cat "$folder"/*.log >&2
    echo "schemathesis.sh: the shop does not get ready" >&2
    exit 1
fi

for service in "${services[@]}"; do
    echo "== $service-service"
    "$python" -m schemathesis.cli run "http://127.0.0.1:${ports[$service]}/openapi.json" \
        --header "Authorization: Bearer $token" --checks not_a_server_error,status_code_conformance \
        --phases examples,coverage,fuzzing --max-examples "$examples" --continue-on-failure \
        --warnings off --no-color
done
