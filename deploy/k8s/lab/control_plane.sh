#!/usr/bin/env bash
# A real Kubernetes control plane without Docker: etcd, kube-apiserver, controller-manager and scheduler in one
# binary, built from Go's module proxy, with kwok's fake nodes. Containers never run: kwok marks pods as ready.
#
#   control_plane.sh build    make .cache/kubelab/bin/kubelab, about five minutes the first time
#   control_plane.sh start    on loopback; writes admin.kubeconfig beside it
#   control_plane.sh stop     what was started here, and nothing else
#
# KUBELAB: where all of it lies. PORT: of the API server; the two after it are etcd's.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
KUBELAB=${KUBELAB:-$here/../../../.cache/kubelab}
PORT=${PORT:-26443}
VERSION=1.32.2
NODES=3
VOLUMES=8
mkdir -p "$KUBELAB"/{bin,log,run}
KUBELAB=$(cd "$KUBELAB" && pwd)
binary=$KUBELAB/bin/kubelab-$(cat "$here"/{go.mod,go.sum,main.go} | sha256sum | cut -c1-12)
export KUBECONFIG=$KUBELAB/admin.kubeconfig

say() { printf '== %s\n' "$*"; }
k() { kubectl --cache-dir="$KUBELAB/kubectl-cache" "$@"; }

build() {
  [ ! -x "$binary" ] || return 0
  command -v go >/dev/null || { say "Go is missing; it builds the control plane"; return 1; }
  say "building the control plane (about five minutes, once)"
  local version=k8s.io/component-base/version src=$KUBELAB/src
  rm -rf "$src" && mkdir -p "$src" && cp "$here"/{go.mod,go.sum,main.go} "$src"
  (cd "$src" && GOFLAGS="-buildvcs=false -mod=readonly" CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off go build -trimpath \
    -o "$binary" -ldflags "-s -w -X $version.gitVersion=v$VERSION -X $version.gitMajor=1 -X $version.gitMinor=32" .)
}

token() { cat "$KUBELAB/pki/$1.token"; }

kubeconfig() { # NAME: a kubeconfig that uses NAME's token
  cat >"$KUBELAB/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:$PORT", certificate-authority: "$KUBELAB/pki/apiserver.crt"}}]
users: [{name: $1, user: {token: "$(token "$1")"}}]
contexts: [{name: lab, context: {cluster: lab, user: $1}}]
current-context: lab
YAML
}

spawn() { # NAME ARGS...: start a component, remember its pid
  local name=$1
  shift
  (cd "$KUBELAB" && exec setsid "$binary" "$name" "$@" >"$KUBELAB/log/$name.log" 2>&1 </dev/null) &
  echo $! >"$KUBELAB/run/$name.pid"
}

within() { # SECONDS COMMAND...: until it succeeds
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then say "not in time: $*"; tail -n 5 "$KUBELAB"/log/*.log >&2; return 1; fi
    sleep 0.2
  done
}

secrets() {
  local user
  openssl genrsa -out "$KUBELAB/pki/sa.key" 2048 2>/dev/null
  openssl rsa -in "$KUBELAB/pki/sa.key" -pubout -out "$KUBELAB/pki/sa.pub" 2>/dev/null
  for user in admin controllers scheduler kwok; do
    openssl rand -hex 16 >"$KUBELAB/pki/$user.token"
    kubeconfig "$user"
  done
  cat >"$KUBELAB/pki/tokens.csv" <<CSV
$(token admin),admin,admin,system:masters
$(token controllers),system:kube-controller-manager,controllers
$(token scheduler),system:kube-scheduler,scheduler
$(token kwok),kwok,kwok,system:masters
CSV
}

nodes() { # one in each of three zones, and volumes for claims
  local i
  for i in $(seq "$NODES"); do cat <<YAML
---
apiVersion: v1
kind: Node
metadata:
  name: fake-$i
  annotations: {kwok.x-k8s.io/node: fake}
  labels: {kubernetes.io/hostname: fake-$i, kubernetes.io/os: linux, topology.kubernetes.io/zone: zone-$i}
status:
  allocatable: {cpu: "16", memory: 64Gi, ephemeral-storage: 100Gi, pods: "110"}
  capacity: {cpu: "16", memory: 64Gi, ephemeral-storage: 100Gi, pods: "110"}
YAML
  done
  cat <<'YAML'
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
YAML
  for i in $(seq "$VOLUMES"); do cat <<YAML
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: lab-$i}
spec:
  storageClassName: standard
  capacity: {storage: 500Gi}
  accessModes: [ReadWriteOnce, ReadWriteMany]
  hostPath: {path: /lab/$i}
YAML
  done
}

start() {
  build
  local port etcd=http://127.0.0.1:$((PORT + 1)) peer=http://127.0.0.1:$((PORT + 2))
  for port in "$PORT" $((PORT + 1)) $((PORT + 2)); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then say "port $port is taken; set PORT"; return 1; fi
  done
  umask 077
  rm -rf "$KUBELAB/etcd" "$KUBELAB/pki" "$KUBELAB/kubectl-cache"
  mkdir -p "$KUBELAB"/{etcd,pki}
  secrets
  spawn etcd --name=lab --data-dir="$KUBELAB/etcd" --unsafe-no-fsync --log-level=warn \
    --listen-client-urls="$etcd" --advertise-client-urls="$etcd" --listen-peer-urls="$peer" \
    --initial-advertise-peer-urls="$peer" --initial-cluster="lab=$peer"
  spawn kube-apiserver --etcd-servers="$etcd" --bind-address=127.0.0.1 --advertise-address=127.0.0.1 \
    --secure-port="$PORT" --cert-dir="$KUBELAB/pki" --token-auth-file="$KUBELAB/pki/tokens.csv" \
    --authorization-mode=Node,RBAC --service-cluster-ip-range=10.96.0.0/16 \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$KUBELAB/pki/sa.pub" \
    --service-account-signing-key-file="$KUBELAB/pki/sa.key" --endpoint-reconciler-type=none --profiling=false
  within 90 k get --raw /readyz
  spawn kube-controller-manager --kubeconfig="$KUBELAB/controllers.kubeconfig" --secure-port=0 \
    --leader-elect=false --use-service-account-credentials=true \
    --service-account-private-key-file="$KUBELAB/pki/sa.key" --root-ca-file="$KUBELAB/pki/apiserver.crt" \
    --controllers='*,-cloud-node-lifecycle-controller,-service-lb-controller,-node-route-controller'
  spawn kube-scheduler --kubeconfig="$KUBELAB/scheduler.kubeconfig" --secure-port=0 --leader-elect=false
  HOME=$KUBELAB KWOK_WORKDIR=$KUBELAB/kwok spawn kwok --kubeconfig="$KUBELAB/kwok.kubeconfig" \
    --manage-all-nodes=false --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake \
    --node-lease-duration-seconds=40 --node-ip=127.0.0.1 --node-port=0 --cidr=10.244.0.0/16
  nodes | k apply -f - >/dev/null
  within 60 k -n default get serviceaccount default
  k wait --for=condition=Ready node --all --timeout=60s >/dev/null
  say "the control plane is up; export KUBECONFIG=$KUBECONFIG"
}

stop() {
  local name pid i
  for name in kwok kube-scheduler kube-controller-manager kube-apiserver etcd; do
    [ -f "$KUBELAB/run/$name.pid" ] || continue
    pid=$(cat "$KUBELAB/run/$name.pid")
    if grep -qs kubelab "/proc/$pid/cmdline"; then
      kill "$pid" || true
      for i in $(seq 50); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
      [ ! -d "/proc/$pid" ] || kill -9 "$pid" || true
    fi
    rm -f "$KUBELAB/run/$name.pid"
  done
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  case ${1:-} in
    build | start | stop) "$1" ;;
    *) sed -n '2,9p' "$0"; exit 2 ;;
  esac
fi
