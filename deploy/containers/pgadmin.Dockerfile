# pgAdmin, whose people sign in through Sallyport and no other way.
ARG DEBIAN=docker.io/library/debian:bookworm-slim
FROM ${DEBIAN} AS build
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends ca-certificates python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/pgadmin && /opt/pgadmin/bin/pip install --no-cache-dir --quiet pgadmin4==9.18 gunicorn==23.0.0

FROM ${DEBIAN}
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends ca-certificates postgresql-client python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sallyport \
    && install -d -o 10001 -g 10001 -m 700 /var/lib/pgadmin
COPY --from=build /opt/pgadmin /opt/pgadmin
COPY deploy/containers/pgadmin_config.py /opt/pgadmin/lib/python3.11/site-packages/pgadmin4/config_local.py
COPY --chmod=755 deploy/containers/pgadmin /usr/local/bin/pgadmin
USER 10001:10001
ENV PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
VOLUME /var/lib/pgadmin
EXPOSE 5050
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/5050"]
ENTRYPOINT ["pgadmin"]
