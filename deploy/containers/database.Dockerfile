# PostgreSQL with Sallyport's backups: the server (target database), and the copies of it (target backup).
ARG DEBIAN=docker.io/library/debian:bookworm-slim

FROM ${DEBIAN} AS database
# The account first, so that the package takes it with this number.
RUN useradd --system --uid 10002 --user-group --home-dir /var/lib/postgresql --shell /usr/sbin/nologin postgres \
    && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends postgresql-common \
    && sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends age postgresql postgresql-contrib python3 zstd \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o postgres -g postgres -m 700 /var/lib/postgresql /var/backups/sallyport
COPY scripts/sallystack /usr/lib/sallyport/scripts/sallystack
COPY --chmod=755 scripts/backup /usr/lib/sallyport/scripts/backup
COPY --chmod=755 deploy/containers/database /usr/lib/sallyport/scripts/database
RUN ln -s /usr/lib/sallyport/scripts/backup /usr/local/bin/sallyport-backup && ln -s /usr/lib/sallyport/scripts/database /usr/local/bin/database
ENV PYTHONDONTWRITEBYTECODE=1 SALLYPORT_BACKUP_DIRECTORY=/var/backups/sallyport PGHOST=/run/database
USER postgres
VOLUME /var/lib/postgresql
EXPOSE 5432
STOPSIGNAL SIGINT
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["pg_isready", "-q", "-h", "127.0.0.1", "-d", "sallyport"]
ENTRYPOINT ["database"]
CMD ["serve"]

FROM database AS backup
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=5s --start-period=600s CMD ["database", "backed-up"]
CMD ["backups"]
