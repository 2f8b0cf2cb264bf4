#!/usr/bin/env bash
# Installs gapbench from the action's own files, with locked packages, and puts bench on the PATH of the steps that follow.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
PYTHON=${PYTHON:-python3} "${INSTALL:-$here/scripts/install.sh}" run
echo "$here/.venv/bin" >> "$GITHUB_PATH"
