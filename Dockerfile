# syntax=docker/dockerfile:1
# The image of every role: one binary, no shell scripts, not root, nothing to write but its data folder.
# Build: docker build -t sla .     Other base images: --build-arg BUILD_IMAGE=… --build-arg RUN_IMAGE=…
ARG BUILD_IMAGE=docker.io/library/rust:1.95-bookworm
ARG RUN_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
# Features beside the usual ones; `kafka` links the system's OpenSSL.
ARG FEATURES="kafka,mysql"
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package sla-launcher --features "${FEATURES}" \
    && install -D -m 0755 target/release/sla /out/usr/local/bin/sla

FROM ${RUN_IMAGE}
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libssl3 && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /
# The data folder is made here, so that a fresh volume belongs to the user that writes in it.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/sla
USER 10001:10001
VOLUME ["/var/lib/sla"]
ENTRYPOINT ["/usr/local/bin/sla"]
CMD ["serve"]
