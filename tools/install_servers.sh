#!/usr/bin/env bash
# Installs what the tests start and pip does not bring: Chromium for the tests of the pages, Prometheus for
# those of metrics, dashboards and alerts.
# With CI=true a server that can't be had is a failure; on your own machine its tests are skipped.
set -euo pipefail

has_chromium() {
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null
}

install_chromium() {
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Not root and no sudo: cannot install Chromium."; return 1; }
    as_root=(sudo)
  fi
  command -v apt-get >/dev/null || { echo "No apt-get here: install Chromium by hand."; return 1; }
  echo "Installing Chromium by apt-get for the tests of the pages ..."
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    chromium fonts-dejavu-core >/dev/null
}

if ! has_chromium && ! install_chromium; then
  echo "Chromium is missing; the tests of the pages need it."
  if [ "${CI:-}" = "true" ]; then
    exit 1
  fi
fi

if ! { command -v prometheus && command -v promtool; } >/dev/null; then
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "Installing Prometheus by apt-get for the tests of metrics and alerts ..."
  # It is only started by tests: no unit of it is to run on this machine.
  "${as_root[@]}" apt-get update -qq && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends prometheus >/dev/null || {
    echo "Prometheus is missing; the tests of metrics and alerts need it."
    [ "${CI:-}" != "true" ] || exit 1
  }
fi
