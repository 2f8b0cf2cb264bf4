# gapbench with its locked packages, a client without a GPU:
#   docker build -t gapbench:0.2.0 . && docker run --rm -v "$PWD:/work" gapbench:0.2.0 run quickstart --yes
# Packages come from pip's own settings; only those whose hash is in requirements/ are installed.
FROM python:3.12-slim-bookworm AS build
WORKDIR /source
COPY requirements/image.txt requirements/build.txt requirements/
# The packages change less often than the code, so they are a layer of their own.
RUN python -m venv /opt/gapbench \
    && /opt/gapbench/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/image.txt \
    && python -m venv /tmp/build \
    && /tmp/build/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY harness harness
COPY runners runners
COPY tasks tasks
RUN /tmp/build/bin/python -m hatchling build -t wheel -d /tmp/wheel \
    && /opt/gapbench/bin/pip install --no-cache-dir --no-deps /tmp/wheel/gapbench-*.whl

FROM python:3.12-slim-bookworm
LABEL org.opencontainers.image.title="gapbench" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/gapbench /opt/gapbench
ENV PATH=/opt/gapbench/bin:$PATH \
    PYTHONUNBUFFERED=1
# Pods run as this user, who owns its folders (fsGroup 1000).
RUN useradd --create-home --uid 1000 bench \
    && mkdir /work \
    && chown 1000:1000 /work
USER 1000
WORKDIR /work
ENTRYPOINT ["bench"]
CMD ["--help"]
