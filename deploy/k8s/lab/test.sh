#!/usr/bin/env bash
# `make k8s-test`: every overlay on a real control plane. Applied strictly under Pod Security `restricted`, all pods
# scheduled and ready, rolled, evicted within their budgets; wrong manifests refused.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=deploy/k8s/lab/control_plane.sh
source "$here/control_plane.sh"
overlays="$here/../overlays"
ours="edge ingest-engine router-engine sla-engine notify-engine"

fail() { say "FAILED: $*"; exit 1; }
n() { k -n centrala "$@"; }

refused() { # PATTERN COMMAND...: the command must fail with PATTERN in what it says
  local pattern=$1 out
  shift
  if out=$("$@" 2>&1); then fail "not refused: $*"; fi
  grep -q -- "$pattern" <<<"$out" || fail "refused for another reason than '$pattern': $out"
  say "refused as it should be: $pattern"
}

all_ready() {
  local one
  for one in $(n get deploy,statefulset -o name); do n rollout status "$one" --timeout=120s >/dev/null; done
  within 60 no_pending
}

no_pending() { [ -z "$(n get pods --field-selector=status.phase=Pending -o name)" ]; }

apply() { # OVERLAY
  kubectl kustomize "$overlays/$1" >"$KUBELAB/$1.yaml"
  k apply -f "$overlays/$1/namespace.yaml" >/dev/null
  within 30 n get serviceaccount default
  n create secret generic centrala --from-literal=CENTRALA_MASTER_KEY=x --from-literal=CENTRALA_ADMIN_KEY=y >/dev/null
  # Warnings of Pod Security are errors: a Deployment that breaks it is accepted, and merely gets no pods.
  k apply --validate=strict --warnings-as-errors --dry-run=server -f "$KUBELAB/$1.yaml" >/dev/null
  k apply --validate=strict --warnings-as-errors -f "$KUBELAB/$1.yaml" >/dev/null
  all_ready
  say "$1: $(n get pods --no-headers | wc -l) pods are scheduled and ready"
}

rolls() {
  local one
  for one in $ours; do n set image "deploy/$one" "*=centrala:0.1.1" >/dev/null; done
  all_ready
  say "rolled"
}

three_of_each() {
  local one
  for one in $ours; do [ "$(n get "deploy/$one" -o jsonpath='{.status.readyReplicas}')" = 3 ] || return 1; done
}

one_in_each_zone() {
  local one zones
  for one in edge ingest router sla notify; do
    zones=$(n get pods -l "app.kubernetes.io/component=$one" -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u | wc -l)
    [ "$zones" = 3 ] || fail "$one lies in $zones zones"
  done
  say "three of each, one in each zone"
}

evict() { # POD
  printf '{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"%s","namespace":"centrala"}}' "$1" |
    k create --raw "/api/v1/namespaces/centrala/pods/$1/eviction" -f -
}

budgets() { # of two evictions the second waits until the first is replaced
  local pods
  within 60 budget_allows
  # Nothing can be replaced for a moment.
  k cordon --selector=kubernetes.io/os=linux >/dev/null
  mapfile -t pods < <(n get pods -l app.kubernetes.io/component=router -o name | cut -d/ -f2)
  evict "${pods[0]}" >/dev/null
  refused "disruption budget" evict "${pods[1]}"
  k uncordon --selector=kubernetes.io/os=linux >/dev/null
  all_ready
}

budget_allows() { [ "$(n get pdb router-engine -o jsonpath='{.status.disruptionsAllowed}')" = 1 ]; }

refusals() {
  local good=$KUBELAB/small.yaml bad=$KUBELAB/bad.yaml
  sed 's/readinessProbe:/readynessProbe:/' "$good" >"$bad"
  refused 'unknown field' k apply --dry-run=server --validate=strict -f "$bad"
  sed 's/^  maxUnavailable: 1$/  maxUnavailable: 1\n  minAvailable: 1/' "$good" >"$bad"
  refused 'cannot be both set' k apply --dry-run=server --validate=strict -f "$bad"
  sed 's/runAsUser: 10001/runAsUser: 0/' "$good" >"$bad"
  refused 'runAsUser=0' k apply --dry-run=server --validate=strict --warnings-as-errors -f "$bad"
  sed 's/allowPrivilegeEscalation: false/allowPrivilegeEscalation: true/' "$good" >"$bad"
  refused 'allowPrivilegeEscalation' k apply --dry-run=server --validate=strict --warnings-as-errors -f "$bad"
  refused 'forbidden' n --as=system:serviceaccount:centrala:centrala get secrets
}

refusals_of_operators() { # their own schemas hold
  local good=$KUBELAB/production.yaml bad=$KUBELAB/bad.yaml
  sed 's/userOperator:/usersOperator:/' "$good" >"$bad"
  refused 'unknown field' k apply --dry-run=server --validate=strict -f "$bad"
  sed 's/type: scram-sha-512/type: password/' "$good" >"$bad"
  refused 'Unsupported value: "password"' k apply --dry-run=server --validate=strict -f "$bad"
}

gone() { ! k get namespace centrala; }

start
trap stop EXIT
# Not applied: they are larger than the annotation that apply keeps them in.
crds=$("$here/../crds/fetch.sh")
k create -f "$crds" >/dev/null
# Again and again: a definition that was made a moment ago has no conditions at all, and `wait` gives up on that.
within 60 k wait --for=condition=Established -f "$crds" --timeout=5s
apply small
rolls
refusals
k delete namespace centrala --wait=false >/dev/null
within 120 gone
# The volumes' claims are gone; nobody cleans them here.
k delete pv --all >/dev/null
nodes | k apply -f - >/dev/null
apply production
refusals_of_operators
within 120 three_of_each
one_in_each_zone
rolls
budgets
say "all of it holds"
