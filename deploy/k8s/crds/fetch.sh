#!/usr/bin/env bash
# Gets the operators' own definitions of the resources that the overlay `production` holds, with their schemas, and
# prints the folder they lie in, below .cache of the checkout. Strimzi's are generated from its model, by Maven's jars;
# the Prometheus operator's lie in its Go module. For tests: a cluster gets them from whoever installs the operators.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
name=strimzi
. "$here/../../jars.sh"

made="$(cd "$here/../../.." && pwd)/.cache/crds/$(cat "$here"/{pom.xml,go.mod,fetch.sh} | sha256sum | cut -c1-12)"
if [ ! -d "$made" ]; then
  fetch
  mkdir -p "$(dirname "$made")"
  command -v java >/dev/null || die "Java is missing; it generates Strimzi's definitions. On Debian: apt-get install default-jre-headless"
  command -v go >/dev/null || die "Go is missing; it gets the Prometheus operator's module. On Debian: apt-get install golang"
  new="$(mktemp -d -p "$(dirname "$made")")"
  trap 'rm -rf "$new" "$new.log"' EXIT
  model=io.strimzi.api.kafka.model
  java -cp "$lib/*" io.strimzi.crdgenerator.CrdGenerator --yaml --target-kube 1.25+ --crd-api-version v1 \
    "$model.kafka.Kafka=$new/kafkas.yaml" "$model.nodepool.KafkaNodePool=$new/kafkanodepools.yaml" \
    "$model.user.KafkaUser=$new/kafkausers.yaml" 2>"$new.log" || { cat "$new.log" >&2; die "nothing was generated"; }
  (cd "$here" && GOFLAGS=-mod=readonly GOTOOLCHAIN=local GOWORK=off \
    go mod download -json github.com/prometheus-operator/prometheus-operator) >"$new.log" 2>&1 \
    || { cat "$new.log" >&2; die "Go could not get the Prometheus operator's module"; }
  module="$(sed -n 's/.*"Dir": "\(.*\)".*/\1/p' "$new.log")"
  for kind in podmonitors prometheusrules; do
    install -m 644 "$module/example/prometheus-operator-crd/monitoring.coreos.com_$kind.yaml" "$new/$kind.yaml"
  done
  # Whoever renames first wins; both have the same.
  mv -T "$new" "$made" 2>/dev/null || [ -d "$made" ]
fi
echo "$made"
