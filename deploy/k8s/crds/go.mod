// Pins what the Prometheus operator's definitions are taken from; nothing is built.
module centrala.invalid/crds

go 1.23

require github.com/prometheus-operator/prometheus-operator v0.86.1
