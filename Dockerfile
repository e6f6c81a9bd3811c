# docker build -t dragoman .                           with the embedded local model
# docker build -t dragoman --build-arg LOCK=slim .     without it: 0.2 GB less, for a configuration with its own upstreams
# docker run -p 8080:8080 -v ./config.yaml:/etc/dragoman/config.yaml:ro dragoman
ARG PYTHON=3.14

FROM python:${PYTHON}-slim AS build
ARG LOCK=run
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/dragoman && \
    /opt/dragoman/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/${LOCK}.txt
COPY pyproject.toml README.md LICENSE ./
COPY proxy/ proxy/
COPY translators/ translators/
RUN /opt/dragoman/bin/pip install --no-cache-dir --no-deps --no-build-isolation . && \
    /opt/dragoman/bin/pip uninstall --yes setuptools pip

FROM python:${PYTHON}-slim
ARG LOCK=run
# tini is the first process: it passes signals on and reaps what lost its parent, which nobody else does in a container.
# The local model server is linked with OpenMP, which the base image lacks.
RUN apt-get update && \
    apt-get install --yes --no-install-recommends tini && \
    if [ "$LOCK" = run ]; then apt-get install --yes --no-install-recommends libgomp1; fi && \
    rm -rf /var/lib/apt/lists/*
# Stored responses and the sealing key are here, as XDG_STATE_HOME below says: mount a volume to keep them.
RUN install -d -o 10001 -g 10001 /var/lib/dragoman
COPY --from=build /opt/dragoman /opt/dragoman
COPY config.yaml /etc/dragoman/config.yaml
ENV PATH=/opt/dragoman/bin:$PATH PYTHONUNBUFFERED=1 XDG_STATE_HOME=/var/lib
WORKDIR /var/lib/dragoman
USER 10001:10001
EXPOSE 8080
# It drains: whoever stops the container has to wait for server.drain_delay + server.drain_timeout + 11 seconds, as in
# `docker stop --time 80`; docs/operations.md.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["tini", "--", "dragoman"]
CMD ["serve", "--host", "0.0.0.0", "--config", "/etc/dragoman/config.yaml"]
