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
  new="$(mktemp -d "$made.XXXXXX")"
  model=io.strimzi.api.kafka.model
  java -cp "$lib/*" io.strimzi.crdgenerator.CrdGenerator --yaml --target-kube 1.25+ --crd-api-version v1 \
    "$model.kafka.Kafka=$new/kafkas.yaml" "$model.nodepool.KafkaNodePool=$new/kafkanodepools.yaml" \
    "$model.user.KafkaUser=$new/kafkausers.yaml" 2>"$new.log" || { cat "$new.log" >&2; die "nothing was generated"; }
  module="$(cd "$here" && GOFLAGS=-mod=readonly GOTOOLCHAIN=local GOWORK=off \
    go mod download -json github.com/prometheus-operator/prometheus-operator | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')"
  for kind in podmonitors prometheusrules; do
    install -m 644 "$module/example/prometheus-operator-crd/monitoring.coreos.com_$kind.yaml" "$new/$kind.yaml"
  done
  rm -f "$new.log"
  mv -T "$new" "$made" 2>/dev/null || rm -rf "$new"
fi
echo "$made"
