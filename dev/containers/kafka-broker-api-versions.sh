#!/bin/bash
# Kafka's tool of this name starts a Java, which takes longer than a check may on a busy machine. The same question, ApiVersions,
# asked by hand: `--bootstrap-server HOST:PORT`; good is an answer without an error.
set -euo pipefail
exec 3<>"/dev/tcp/${2%:*}/${2#*:}"
printf '\0\0\0\x0b\0\x12\0\0\0\0\0\x01\0\x01c' >&3
# Length and number of the answer, then its error.
[ "$(timeout 5 head -c 10 <&3 | tail -c 6 | od -An -tx1 | tr -d ' \n')" = 000000010000 ]
