#!/usr/bin/env bash
# Makes an environment for each peer that benchmarks/peers.py runs beside gapbench: .venv-peers/NAME.
# vLLM's own is .venv-vllm (scripts/setup_vllm_cpu.sh). Usage: benchmarks/setup_peers.sh [NAME …]
set -euo pipefail
cd "$(dirname "$0")/.."
declare -A packages=(
  [guidellm]="guidellm==0.8.*"
  [aiperf]="aiperf==0.13.*"
  [lm-eval]="lm-eval[api]>=0.4.9"
  [inspect]="inspect-ai openai"
)
for name in "${@:-guidellm aiperf lm-eval inspect}"; do
  for one in $name; do
    home=".venv-peers/$one"
    [ -e "$home/.stamp" ] && continue
    python3 -m venv "$home"
    # shellcheck disable=SC2086  # a list of requirements
    "$home/bin/pip" install --quiet --disable-pip-version-check ${packages[$one]}
    touch "$home/.stamp"
    echo "$one: $home"
  done
done
