#!/usr/bin/env bash
# Makes .venv-servers (transformers serve, a llama.cpp server, llmock) for `make test-servers`, with aimock from npm in
# .venv-servers/npm where there is one. Runs again at no cost. PIP_FIND_LINKS is honoured; TORCH_CPU_INDEX may name an
# index that has torch's CPU build.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=.venv-servers
links=()
[ -n "${PIP_FIND_LINKS:-}" ] && for place in $PIP_FIND_LINKS; do links+=(--find-links "$place"); done
[ -n "${TORCH_CPU_INDEX:-}" ] && links+=(--extra-index-url "$TORCH_CPU_INDEX" --index-strategy unsafe-best-match)
index=$(.venv/bin/pip config get global.index-url 2>/dev/null || echo "${PIP_INDEX_URL:-}")
[ -n "$index" ] && export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
[ -n "${PIP_CERT:-}" ] && export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"

mark=$(cat requirements/servers.txt tests/servers/package-lock.json scripts/setup_servers.sh | sha256sum | cut -d' ' -f1)
if [ "$(cat "$folder/.stamp" 2>/dev/null || true)" = "$mark" ]; then
    echo "$folder is ready"
    exit 0
fi
echo "making $folder from requirements/servers.txt"
rm -rf "$folder"
.venv/bin/uv venv --quiet --python .venv/bin/python "$folder"
.venv/bin/uv pip install --quiet --python "$folder/bin/python" --compile-bytecode --no-deps --require-hashes \
    "${links[@]}" -r requirements/servers.txt
if command -v npm >/dev/null; then
    mkdir -p "$folder/npm"
    cp tests/servers/package.json tests/servers/package-lock.json "$folder/npm/"
    npm ci --prefix "$folder/npm" --ignore-scripts --no-audit --no-fund --loglevel error ||
        { rm -rf "$folder/npm"; echo "npm cannot install aimock, so it is left out"; }
else
    echo "no npm: aimock is left out"
fi
echo "$mark" > "$folder/.stamp"
