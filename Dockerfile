# gapbench with its locked packages: docker build -t gapbench . && docker run --rm -v "$PWD:/work" gapbench --help
# Packages come from pip's own settings; only those whose hash is in requirements/ are installed.
FROM python:3.12-slim AS build
WORKDIR /source
COPY . .
RUN python -m venv /opt/gapbench \
    && /opt/gapbench/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/run.txt \
    && python -m venv /tmp/build \
    && /tmp/build/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/build.txt \
    && /tmp/build/bin/python -m hatchling build -t wheel -d /tmp/wheel \
    && /opt/gapbench/bin/pip install --no-cache-dir --no-deps /tmp/wheel/gapbench-*.whl

FROM python:3.12-slim
COPY --from=build /opt/gapbench /opt/gapbench
ENV PATH=/opt/gapbench/bin:$PATH
RUN useradd --create-home --uid 1000 bench
USER bench
WORKDIR /work
ENTRYPOINT ["bench"]
