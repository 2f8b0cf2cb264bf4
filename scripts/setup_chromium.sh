#!/usr/bin/env bash
# Finds a Chromium for `make test-pages`, or installs Debian's when run as root. Runs again at no cost.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then
        exit 0
    fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing chromium"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
    exit 0
fi
echo "no Chromium found; install the package chromium, or put one on the PATH" >&2
exit 1
