# Sourced from the top of the project: what building with the feature `kafka` and running a broker need, installed on Debian
# where it is missing. Exports SLA_TEST_KAFKA_LIBS, the folder of the broker's jars.
kafka_version=4.4.0
kafka_need() { # kafka_need WHAT PACKAGE TEST...
  local what=$1 package=$2
  shift 2
  "$@" >/dev/null 2>&1 && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get -qq install -y "$package" >/dev/null && "$@" >/dev/null 2>&1 && return
  fi
  echo "Kafka needs $what (Debian package $package), which could not be installed" >&2
  exit 1
}
kafka_need g++ g++ command -v g++
kafka_need make make command -v make
kafka_need pkg-config pkg-config command -v pkg-config
kafka_need "the headers of OpenSSL" libssl-dev pkg-config --exists openssl
kafka_need java openjdk-17-jre-headless command -v java
kafka_need mvn maven command -v mvn
export SLA_TEST_KAFKA_LIBS=$PWD/dev/.cache/kafka-$kafka_version
ls "$SLA_TEST_KAFKA_LIBS"/kafka-clients-*.jar >/dev/null 2>&1 ||
  KVER=$kafka_version KLIBS=$SLA_TEST_KAFKA_LIBS timeout 600 dev/kafka/kafka.sh fetch "$(mktemp -d)"
