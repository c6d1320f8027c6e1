#!/usr/bin/env bash
# world.sh DIR PORT SEED PROGRAM [xor2]   a server with the world of world.py, for the equivalence suite; stop it with down.sh DIR.
# PROGRAM: a `prometheus`, or a `victoria-metrics` with its own libraries as debian-root.sh unpacks it. Ports: PORT, PORT+1, PORT+2.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd); W=$1; P=$2; SEED=$3; PROGRAM=$4; mkdir -p "$W/data"
ready() { for _ in $(seq 200); do curl -sf -o /dev/null "$1" && return; sleep .05; done; echo "no answer: $1" >&2; exit 1; }
start() { nohup "${@:2}" > "$W/$1.log" 2>&1 & echo $! > "$W/$1.pid"; }
case $PROGRAM in
*victoria-metrics)
  root=${PROGRAM%/usr/*}
  # Its own loader and libraries: it may be built for a later system than this one.
  start server "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu" "$PROGRAM" \
    -storageDataPath="$W/data" -httpListenAddr=127.0.0.1:$P -retentionPeriod=1d
  ready "http://127.0.0.1:$P/health"
  python3 "$HERE/world.py" "http://127.0.0.1:$P" "$W/world.json" "$SEED"
  curl -sf "http://127.0.0.1:$P/internal/force_flush"
  ;;
*)
  # Names beyond ASCII came with 3.0.
  case $("$PROGRAM" --version 2>&1 | head -1) in *" 2."*) utf8= ;; *) utf8=utf8 ;; esac
  start counter python3 "$HERE/declare.py" $((P + 1)) counter
  start gauge python3 "$HERE/declare.py" $((P + 2)) gauge
  {
    printf 'global:\n  scrape_interval: 1s\n  external_labels: {cluster: eu, replica: "0"}\n'
    printf 'storage:\n  tsdb:\n    out_of_order_time_window: 2h\n'
    [ "${5:-}" = xor2 ] && printf '    chunk_encoding: {floats: xor2}\n'
    printf 'scrape_configs:\n'
    printf -- '- {job_name: %s, static_configs: [{targets: ["127.0.0.1:%s"]}]}\n' counts $((P + 1)) gauges $((P + 2))
  } > "$W/prometheus.yml"
  start server "$PROGRAM" --config.file="$W/prometheus.yml" --storage.tsdb.path="$W/data" --web.listen-address=127.0.0.1:$P \
    --web.enable-remote-write-receiver --enable-feature=native-histograms
  ready "http://127.0.0.1:$P/-/ready"
  python3 "$HERE/world.py" "http://127.0.0.1:$P" "$W/world.json" "$SEED" nan histograms $utf8
  for job in counts gauges; do
    for _ in $(seq 200); do
      curl -s "http://127.0.0.1:$P/api/v1/targets/metadata?metric=disputed" | grep -q "\"$job\"" && break; sleep .05
    done
  done
  # The next scrape brings the series themselves.
  sleep 1.2
  ;;
esac
echo "http://127.0.0.1:$P=$W/world.json"
