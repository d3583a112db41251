# Programs that were compiled on this machine, for services.Dockerfile (PROGRAMS). The context is their directory.
FROM scratch
COPY auth-server resource-api /out/
