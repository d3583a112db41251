# nginx with Sallyport's configuration, rendered when the container starts: its names and certificate are the deployment's.
ARG DEBIAN=docker.io/library/debian:bookworm-slim
FROM ${DEBIAN}
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends nginx-light python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10003 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin gateway
COPY nginx /usr/lib/sallyport/nginx
COPY scripts/sallystack /usr/lib/sallyport/scripts/sallystack
COPY --chmod=755 scripts/gateway /usr/lib/sallyport/scripts/gateway
COPY --chmod=755 deploy/containers/gateway /usr/local/bin/gateway
COPY --chmod=755 deploy/containers/listening /usr/local/bin/listening
ENV PYTHONDONTWRITEBYTECODE=1
USER 10003:10003
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["/usr/local/bin/listening"]
ENTRYPOINT ["gateway"]
