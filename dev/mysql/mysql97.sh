#!/usr/bin/env bash
# mysql97.sh start DIR PORT | stop DIR | kill DIR | sql DIR [ARGS]   a real MySQL 9.7 (Debian sid) on 127.0.0.1, nothing installed
#   users: root without password over the socket, `sla` with password `sla` (caching_sha2_password). TLS: certificate for localhost and
#   127.0.0.1 of a throw-away CA, DIR/tls/ca.crt (MySQL's own self-made certificate has no subjectAltName: rustls refuses it)
#   env: MYSQL_ROOT = an unpacked root to share between instances (default DIR/root), MYSQLD_ARGS = more server options
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd); cmd=$1; D=$(realpath -m "$2"); R=${MYSQL_ROOT:-$D/root}
ld() { local b=$1; shift; "$R/usr/lib64/ld-linux-x86-64.so.2" --library-path "$R/usr/lib/x86_64-linux-gnu" "$R/usr/$b" "$@"; }
sql() { ld bin/mysql --no-defaults -uroot --socket="$D/s.sock" "$@"; }
tls() { local T=$D/tls; mkdir -p "$T"; [ -f "$T/server.crt" ] && return
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=throw-away test CA' -keyout "$T/ca.key" -out "$T/ca.crt" 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout "$T/server.key" -out "$T/server.csr" 2>/dev/null
  openssl x509 -req -in "$T/server.csr" -CA "$T/ca.crt" -CAkey "$T/ca.key" -CAcreateserial -days 30 -out "$T/server.crt" \
    -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n') 2>/dev/null; }
case $cmd in
 start)
  P=${3:-13397}; mkdir -p "$D/tmp"; tls
  [ -x "$R/usr/sbin/mysqld" ] || "$HERE/../prometheus/debian-root.sh" sid "$R" mysql-server-core mysql-client-core
  O=(--no-defaults --user=root --basedir="$R/usr" --lc-messages-dir="$R/usr/share/mysql" --character-sets-dir="$R/usr/share/mysql/charsets" --plugin-dir="$R/usr/lib/mysql/plugin" \
     --datadir="$D/data" --tmpdir="$D/tmp" --innodb-buffer-pool-size=64M --innodb-redo-log-capacity=32M --secure-file-priv=NULL)
  NEW=; [ -d "$D/data/mysql" ] || { NEW=1; ld sbin/mysqld "${O[@]}" --initialize-insecure --log-error="$D/init.log"; }
  setsid "$R/usr/lib64/ld-linux-x86-64.so.2" --library-path "$R/usr/lib/x86_64-linux-gnu" "$R/usr/sbin/mysqld" "${O[@]}" --socket="$D/s.sock" --pid-file="$D/pid" \
     --bind-address=127.0.0.1 --port="$P" --mysqlx=OFF --ssl-ca="$D/tls/ca.crt" --ssl-cert="$D/tls/server.crt" --ssl-key="$D/tls/server.key" --log-error="$D/err.log" --skip-name-resolve --performance-schema=OFF \
     --character-set-server=utf8mb4 --collation-server=utf8mb4_bin --sql-mode=TRADITIONAL ${MYSQLD_ARGS:-} > /dev/null 2>&1 < /dev/null &
  J=$!; for _ in $(seq 600); do kill -0 $J 2>/dev/null || { tail -n 20 "$D/err.log" >&2; exit 1; }; [ -f "$D/pid" ] && ld bin/mysqladmin --no-defaults -uroot --socket="$D/s.sock" ping >/dev/null 2>&1 && break; sleep .1; done
  [ -z "$NEW" ] || sql -e "CREATE DATABASE IF NOT EXISTS sla; CREATE USER IF NOT EXISTS sla@'%' IDENTIFIED BY 'sla'; GRANT ALL ON *.* TO sla@'%'"
  echo "mysql://sla:sla@127.0.0.1:$P/sla" ;;
 sql) shift 2; sql "$@" ;;
 stop) p=$(cat "$D/pid"); kill "$p"; for _ in $(seq 300); do kill -0 "$p" 2>/dev/null || exit 0; sleep .1; done; kill -9 "$p" ;;
 kill) p=$(cat "$D/pid"); kill -9 "$p"; while kill -0 "$p" 2>/dev/null; do sleep .02; done; rm -f "$D/pid" ;;
 *) sed -n 2p "$0"; exit 64 ;;
esac
