#!/usr/bin/env bash
# Installs what the tests start and pip does not bring: Chromium for those of the pages, Redis for views and
# limits, Prometheus for metrics, dashboards and alerts, Kafka for the distributed log, an S3-compatible store for
# blobs; and the definitions that Kubernetes operators bring.
# With CI=true a server that can't be had is a failure; on your own machine its tests fail by themselves.
set -euo pipefail

updated=""

# apt_install NAME PACKAGE...: install packages, as root or by sudo.
apt_install() {
  local name="$1"
  shift
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Not root and no sudo: cannot install $name."; return 1; }
    as_root=(sudo)
  fi
  command -v apt-get >/dev/null || { echo "No apt-get here: install $name by hand."; return 1; }
  echo "Installing $name by apt-get for the tests ..."
  [ -n "$updated" ] || "${as_root[@]}" apt-get update -qq
  updated=yes
  # RUNLEVEL=1: a package must not start a server of its own beside those of the tests.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq \
    --no-install-recommends "$@" >/dev/null
}

# has COMMAND...: whether one of the commands is there.
has() {
  local command
  for command in "$@"; do
    command -v "$command" >/dev/null && return 0
  done
  return 1
}

missing() {
  echo "$1 is missing; $2 need it."
  if [ "${CI:-}" = "true" ]; then
    exit 1
  fi
}

has chromium chromium-browser google-chrome || apt_install Chromium chromium fonts-dejavu-core \
  || missing Chromium "the tests of the pages"
has valkey-server redis-server || apt_install Redis redis-server || missing Redis "the tests of views and limits"
{ has prometheus && has promtool; } || apt_install Prometheus prometheus \
  || missing Prometheus "the tests of metrics and alerts"
has java || apt_install Java default-jre-headless || missing Java "the tests on Kafka"
has mvn || apt_install Maven maven || missing Maven "the tests on Kafka"
"$(dirname "${BASH_SOURCE[0]}")/../deploy/kafka/start.sh" --fetch || missing Kafka "the tests of the distributed mode"
"$(dirname "${BASH_SOURCE[0]}")/../deploy/s3/start.sh" --fetch || missing S3Proxy "the tests of blobs in a bucket"
"$(dirname "${BASH_SOURCE[0]}")/../deploy/k8s/crds/fetch.sh" >/dev/null \
  || missing "The operators' definitions" "the tests of the Kubernetes manifests"
# Debian's kubectl is too old for our manifests; Go's proxy has kustomize itself.
{ has kubectl || has kustomize; } || GOBIN=/usr/local/bin go install sigs.k8s.io/kustomize/kustomize/v5@v5.5.0 \
  || missing kustomize "the tests of the Kubernetes manifests"
