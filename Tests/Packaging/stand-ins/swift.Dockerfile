# Stands in for docker.io/library/swift where no registry can be reached: this machine's toolchain on Debian.
# The context is the directory that holds `swift` (and `swift-packages`, a mirror of the packages' repositories, or nothing).
FROM docker.io/library/debian:bookworm-slim
RUN apt-get update -q && apt-get install -y -q --no-install-recommends \
        binutils ca-certificates g++ git gnupg libc6-dev libcurl4 libedit2 libncurses6 libsqlite3-0 libstdc++-12-dev libxml2 tzdata zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
COPY swift /opt/swift
COPY swift-package[s] /opt/swift-packages/
RUN if [ -d /opt/swift-packages/apple ]; then git config --system url./opt/swift-packages/.insteadOf https://github.com/; fi \
    && git config --system safe.directory '*'
ENV PATH=/opt/swift/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
