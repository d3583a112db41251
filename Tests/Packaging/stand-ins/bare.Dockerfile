# A Debian machine as one rents it: systemd, and nothing of what Sallyport needs.
FROM docker.io/library/debian:bookworm-slim
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends dbus iproute2 systemd systemd-sysv \
    && rm -rf /var/lib/apt/lists/*
CMD ["/sbin/init"]
