# A small Debian machine that boots systemd, with what an installation of Sallyport needs. tools: the Swift run-time, where binaries are not static.
FROM docker.io/library/debian:bookworm-slim
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        age curl dbus libpq5 libqrencode4 libsodium23 libssl3 libyaml-0-2 nginx-light openssl postgresql python3 systemd systemd-sysv zstd \
    && rm -rf /var/lib/apt/lists/* && systemctl disable nginx.service
CMD ["/sbin/init"]
