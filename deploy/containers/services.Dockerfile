# The two services, from source. Targets: auth-server, resource-api, setup; and binaries, the programs alone, in place of which a build context of
# that name may give what was compiled elsewhere (prebuilt.yaml).
# Nothing in it is secret: settings come from the environment, secrets from files that are mounted when a container starts.
ARG SWIFT=docker.io/library/swift:6.3.1-bookworm
ARG DEBIAN=docker.io/library/debian:bookworm-slim

FROM ${SWIFT} AS build
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        binutils libcrypt-dev libpq-dev libqrencode-dev libsodium-dev libssl-dev libyaml-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY Package.swift Package.resolve[d] ./
COPY Benchmarks Benchmarks
COPY Database Database
COPY Shared Shared
COPY Services Services
COPY Tests Tests
# As the Makefile's RELEASE. The cache makes the next build as short as the change.
RUN --mount=type=cache,target=/source/.build \
    set -eu; mkdir -p /out; \
    for product in auth-server resource-api; do \
        swift build -c release --static-swift-stdlib -Xswiftc -cross-module-optimization --product "$product"; \
        strip --strip-debug -o "/out/$product" ".build/release/$product"; \
    done

FROM scratch AS binaries
COPY --from=build /out/ /

FROM ${DEBIAN} AS runtime
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        ca-certificates libcrypt1 libpq5 libqrencode4 libsodium23 libssl3 libstdc++6 libyaml-0-2 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sallyport
COPY --chmod=755 deploy/containers/healthy /usr/local/bin/healthy

FROM runtime AS auth-server
COPY --from=binaries /auth-server /usr/local/bin/auth-server
USER 10001:10001
EXPOSE 8081
ENV SALLYPORT_AUTH_LISTEN=0.0.0.0:8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["/usr/local/bin/healthy", "8081"]
ENTRYPOINT ["auth-server"]
CMD ["serve"]

FROM runtime AS resource-api
COPY --from=binaries /resource-api /usr/local/bin/resource-api
USER 10001:10001
EXPOSE 8082
ENV SALLYPORT_API_LISTEN=0.0.0.0:8082
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["/usr/local/bin/healthy", "8082"]
ENTRYPOINT ["resource-api"]
CMD ["serve"]

# Runs once and ends: the schema, the platform's own tenant, its first person, and pgAdmin's registration as a client.
FROM auth-server AS setup
USER root
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 10001 -g 10001 -m 700 /var/lib/sallyport/pgadmin
COPY --chmod=755 deploy/containers/setup /usr/local/bin/setup
USER 10001:10001
HEALTHCHECK NONE
ENTRYPOINT ["setup"]
CMD []
