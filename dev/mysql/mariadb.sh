#!/usr/bin/env bash
# mariadb.sh start DIR PORT | stop DIR | kill DIR    a throw-away MariaDB on 127.0.0.1, root without password, database `sla`
set -euo pipefail
cmd=$1; D=$(realpath -m "$2"); P=${3:-13306}
case $cmd in
 start)
  command -v mariadbd >/dev/null || { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mariadb-server >/dev/null; }
  mkdir -p "$D/tmp"
  [ -d "$D/data/mysql" ] || mariadb-install-db --no-defaults --user=root --datadir="$D/data" --auth-root-authentication-method=normal --skip-test-db > "$D/init.log" 2>&1
  setsid mariadbd --no-defaults --user=root --datadir="$D/data" --tmpdir="$D/tmp" --socket="$D/s.sock" --pid-file="$D/pid" \
    --bind-address=127.0.0.1 --port="$P" --log-error="$D/err.log" --skip-name-resolve --innodb-buffer-pool-size=64M --performance-schema=OFF \
    --character-set-server=utf8mb4 --collation-server=utf8mb4_bin --sql-mode=STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION > /dev/null 2>&1 < /dev/null &
  for _ in $(seq 200); do mariadb-admin --no-defaults -uroot --socket="$D/s.sock" ping >/dev/null 2>&1 && break; sleep .05; done
  mariadb --no-defaults -uroot --socket="$D/s.sock" -e 'CREATE DATABASE IF NOT EXISTS sla'
  echo "mysql://root@127.0.0.1:$P/sla" ;;
 stop) kill "$(cat "$D/pid")" ;;
 kill) p=$(cat "$D/pid"); kill -9 "$p"; while kill -0 "$p" 2>/dev/null; do sleep .02; done; rm -f "$D/pid" ;;
 *) sed -n 2p "$0"; exit 64 ;;
esac
