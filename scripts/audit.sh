#!/usr/bin/env bash
# Looks every locked package up among the known holes; what could not be looked up is a failure too, never a silent pass.
#   scripts/audit.sh [LOCK...]    requirements/*.txt where none is named
# Environment: AUDIT_ARGS, further arguments of pip-audit, as `-s osv` or `--ignore-vuln ID` (say why beside it).
# Exit codes: 0 nothing known, 1 a hole, or a lock that could not be looked up.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
if [ "$(cat .venv-audit/.stamp 2> /dev/null)" != "$(sha256sum < requirements/audit.txt)" ]; then
    rm -rf .venv-audit
    "$python" -m venv .venv-audit || exit 1
    .venv-audit/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/audit.txt || exit 1
    sha256sum < requirements/audit.txt > .venv-audit/.stamp
fi
[ "$#" -gt 0 ] || set -- $(ls requirements/*.txt | grep -v overrides)
code=0
for lock in "$@"; do
    echo "== $lock"
    # Names and versions alone: hashes are held when we install. vLLM's CPU lock has torch with a local version (+cpu) that no database
    # lists; it is looked up as the release that it was built from.
    sed -nE 's/^([A-Za-z0-9._-]+==[^ +;]+)(\+[A-Za-z0-9.]+)?( ;[^\\]*)?.*/\1\3/p' "$lock" > .venv-audit/lock.txt
    # shellcheck disable=SC2086  # several arguments
    if ! .venv-audit/bin/pip-audit --strict --no-deps --disable-pip --progress-spinner off \
        -r .venv-audit/lock.txt ${AUDIT_ARGS:-} > .venv-audit/said.txt 2>&1; then
        tail -n 20 .venv-audit/said.txt
        echo "$lock: not clean, or not looked up"
        code=1
    else
        echo "nothing known"
    fi
done
exit "$code"
