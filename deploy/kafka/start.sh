#!/usr/bin/env bash
# Runs real Apache Kafka (KRaft, one or three brokers) from Maven jars. Needs Java 17 and, once, Maven.
#
#   deploy/kafka/start.sh DIR [--brokers 1|3] [--port 29092]   run all until Ctrl-C; DIR keeps the data
#   deploy/kafka/start.sh DIR --node N                         run one broker of a DIR that was prepared
#   deploy/kafka/start.sh DIR --prepare ...                    only make DIR: ports, settings, storage
#   deploy/kafka/start.sh --fetch                              only get the jars
#   deploy/kafka/start.sh DIR --secure ...                     clients speak TLS, give a password, need rights
#
# Broker N listens on PORT+N-1, its controller on PORT+N+9; brokers speak to each other on PORT+N+19.
# KAFKA_ADVERTISED, "PORT PORT PORT", names other ports to clients (a proxy's). KAFKA_JVM replaces the option
# that leaves the JVM's second compiler off, for a quick start. The jars lie in .cache/kafka of the checkout.
# With --secure (needs openssl) clients trust DIR/tls/ca.crt and are one of KAFKA_USERS, "NAME:PASSWORD ..."
# (centrala:centrala), by SCRAM-SHA-512. Whoever has rights has those alone; while nobody has, all may do all.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
name=kafka
. "$here/../jars.sh"
cluster_id="Q2VudHJhbGFUZXN0c0thZg"

java_main() {
  exec java -Xms"$1" -Xmx"$1" -XX:+UseSerialGC ${KAFKA_JVM:--XX:TieredStopAtLevel=1} -Xshare:auto -Djava.awt.headless=true \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$lib/*" "${@:2}"
}

# secure: an authority, a certificate of it for 127.0.0.1, and what storage is told of the users.
secure() {
  local one tls="$dir/tls" key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc)
  command -v openssl >/dev/null || die "openssl is missing; --secure makes certificates with it"
  for one in ${KAFKA_USERS:-centrala:centrala}; do
    users+=(--add-scram "SCRAM-SHA-512=[name=${one%%:*},password=${one#*:}]")
  done
  [ ! -e "$tls/broker.pem" ] || return 0
  mkdir -p "$tls"
  openssl req -x509 "${key[@]}" -days 3650 -subj "/CN=Centrala's test authority" \
    -keyout "$tls/ca.key" -out "$tls/ca.crt" 2>/dev/null
  openssl req "${key[@]}" -subj /CN=broker -keyout "$tls/broker.key" 2>/dev/null |
    openssl x509 -req -CA "$tls/ca.crt" -CAkey "$tls/ca.key" -CAcreateserial -days 3650 -out "$tls/broker.crt" \
      -extfile <(echo subjectAltName=IP:127.0.0.1,DNS:localhost) 2>/dev/null
  cat "$tls/broker.key" "$tls/broker.crt" >"$tls/broker.pem"
}

prepare() {
  local voters="" node
  for node in $(seq "$brokers"); do
    voters="$voters${voters:+,}$node@127.0.0.1:$((port + node + 9))"
  done
  mkdir -p "$dir"
  [ "$security" = PLAINTEXT ] || secure
  read -ra advertised <<<"${KAFKA_ADVERTISED:-}"
  for node in $(seq "$brokers"); do
    sed -e "s|@NODE@|$node|g" -e "s|@VOTERS@|$voters|" -e "s|@PORT@|$((port + node - 1))|" \
      -e "s|@ADVERTISED_PORT@|${advertised[node - 1]:-$((port + node - 1))}|" \
      -e "s|@CONTROLLER_PORT@|$((port + node + 9))|" -e "s|@AMONG_PORT@|$((port + node + 19))|" -e "s|@DIR@|$dir|" -e "s|@BROKERS@|$brokers|" \
      -e "s|@MIN_ISR@|$(((brokers + 1) / 2))|" -e "s|@SECURITY@|$security|" "$here/broker.properties" >"$dir/node-$node.properties"
    [ "$security" = PLAINTEXT ] || sed "s|@DIR@|$dir|" "$here/secure.properties" >>"$dir/node-$node.properties"
    if [ ! -e "$dir/node-$node/meta.properties" ]; then
      (java_main 64m kafka.tools.StorageTool format -t "$cluster_id" -c "$dir/node-$node.properties" "${users[@]}") \
        >"$dir/format-$node.log" 2>&1 || { cat "$dir/format-$node.log" >&2; die "storage could not be formatted"; }
    fi
  done
}

# listens NODE: where a broker listens, as HOST/PORT.
listens() {
  sed -n 's|^listeners=CLIENTS://\([0-9.]*\):\([0-9]*\),.*|\1/\2|p' "$dir/node-$1.properties"
}

run() {
  local node place pids=() addresses=()
  for node in "$@"; do
    [ -e "$dir/node-$node.properties" ] || die "$dir has no broker $node"
    place="$(listens "$node")"
    if (: <"/dev/tcp/$place") 2>/dev/null; then
      die "something listens on ${place/\//:} already: end it, or name another --port"
    fi
  done
  for node in "$@"; do
    (java_main 256m kafka.Kafka "$dir/node-$node.properties") >>"$dir/node-$node.log" 2>&1 &
    pids+=($!)
    echo $! >"$dir/node-$node.pid"
  done
  trap 'kill "${pids[@]}" 2>/dev/null || true' EXIT
  trap 'exit 0' INT TERM
  for node in "$@"; do
    place="$(listens "$node")"
    until (: <"/dev/tcp/$place") 2>/dev/null; do
      kill -0 "$(cat "$dir/node-$node.pid")" 2>/dev/null || {
        tail -5 "$dir/node-$node.log" >&2
        die "broker $node did not start"
      }
      sleep 0.1
    done
    addresses+=("${place/\//:}")
  done
  echo "Kafka listens on $(IFS=,; echo "${addresses[*]}")"
  wait -n || true
  die "a broker has ended; see $dir/node-*.log"
}

command -v java >/dev/null || die "Java 17 or newer is missing. On Debian: apt-get install default-jre-headless"
dir="" brokers=1 port=29092 node="" what=run security=PLAINTEXT users=()
while [ $# -gt 0 ]; do
  case "$1" in
    --brokers | --port | --node) [ $# -gt 1 ] || die "$1 needs a value" ;;
  esac
  case "$1" in
    --brokers) brokers="$2"; shift 2 ;;
    --port) port="$2"; shift 2 ;;
    --node) node="$2"; what=node; shift 2 ;;
    --prepare) what=prepare; shift ;;
    --fetch) what=fetch; shift ;;
    --secure) security=SASL_SSL; shift ;;
    -h | --help) sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit ;;
    -*) die "unknown option $1" ;;
    *) dir="$1"; shift ;;
  esac
done
fetch
[ "$what" = fetch ] && exit
[ -n "$dir" ] || die "name a directory for the data"
[ "$brokers" = 1 ] || [ "$brokers" = 3 ] || die "--brokers is 1 or 3"
mkdir -p "$dir"
dir="$(cd "$dir" && pwd)"
case "$what" in
  node) run "$node" ;;
  prepare) prepare ;;
  run) prepare; mapfile -t nodes < <(seq "$brokers"); run "${nodes[@]}" ;;
esac
