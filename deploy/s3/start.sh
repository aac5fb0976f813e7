#!/usr/bin/env bash
# Runs a real S3-compatible store (S3Proxy) over a folder, from Maven jars. Needs Java 17 and, once, Maven.
#
#   deploy/s3/start.sh DIR [--port 9000]     run it until Ctrl-C; each folder of DIR/buckets is a bucket
#   deploy/s3/start.sh --fetch               only get the jars
#
# Requests are signed (SigV4) with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. The jars lie in .cache/s3 of the
# checkout. For tests and development: it keeps one copy, on the disk of this machine.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
name=s3
. "$here/../jars.sh"

[ $# -ge 1 ] || die "which folder? See the head of $0"
fetch
[ "$1" != --fetch ] || exit 0
dir="$1"
port=9000
[ "${2:-}" != --port ] || port="$3"
mkdir -p "$dir/buckets"
cat >"$dir/s3proxy.conf" <<EOF
s3proxy.endpoint=http://127.0.0.1:$port
s3proxy.authorization=aws-v4
s3proxy.identity=${AWS_ACCESS_KEY_ID:?}
s3proxy.credential=${AWS_SECRET_ACCESS_KEY:?}
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir=$dir/buckets
EOF
java -Xmx192m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Djava.awt.headless=true \
  -Dlogback.configurationFile="$here/logback.xml" -cp "$lib/*" org.gaul.s3proxy.Main --properties "$dir/s3proxy.conf" >>"$dir/s3.log" 2>&1 &
pid=$!
echo "$pid" >"$dir/s3.pid"
trap 'kill "$pid" 2>/dev/null || true' EXIT
trap 'exit 0' INT TERM
until (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
  kill -0 "$pid" 2>/dev/null || { tail -5 "$dir/s3.log" >&2; die "it did not start"; }
  sleep 0.1
done
echo "S3 listens on http://127.0.0.1:$port"
wait "$pid" || die "it has ended; see $dir/s3.log"
