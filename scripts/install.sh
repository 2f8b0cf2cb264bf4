#!/usr/bin/env bash
# Makes .venv, or brings it up to date, from locked requirements: uv installs them, and pip where uv is not to be had.
#   scripts/install.sh run    what `pip install gapbench` needs (`make demo`)
#   scripts/install.sh dev    all that `make test` needs, which holds the former
# Environment: PYTHON (python3), the Python that .venv is made with. The package index, certificates and wheel folders are pip's own
# settings (pip.conf, PIP_*), told to uv too; what UV_* says comes first. Nothing is installed whose hash is not in requirements/.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-dev}
python=${PYTHON:-python3}
began=$SECONDS

version_of() { # python
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null
}

found=$(version_of "$python") || { echo "no Python at ${python@Q}: make PYTHON=python3.12 …" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "Python $found found; gapbench needs 3.11 or newer: make PYTHON=python3.12 …" >&2; exit 1; }
if [ "$(version_of .venv/bin/python)" != "$found" ] || ! .venv/bin/python -m pip --version > /dev/null 2>&1; then
    echo "1/3  .venv, of Python $found"
    "$python" -m venv --clear .venv
else
    echo "1/3  .venv is there, of Python $found"
fi

pip() { # arguments...
    .venv/bin/python -m pip --disable-pip-version-check "$@"
}

setting() { # name of one of pip's settings; prints its values, parted by spaces
    local variable="PIP_${1^^}"
    variable=${variable//-/_}
    if [ -n "${!variable:-}" ]; then
        echo "${!variable}"
    else
        pip config get "global.$1" 2> /dev/null || pip config get "install.$1" 2> /dev/null || true
    fi | tr '\n' ' ' | sed 's/^ *//; s/ *$//'
}

told() { # variable of uv's, value: sets it where the user has not, and there is a value
    [ -z "$2" ] || [ -n "${!1:-}" ] || export "$1=$2"
}

echo "2/3  uv, which installs the rest"
if pip install --quiet --require-hashes --no-deps --only-binary :all: -r requirements/uv.txt; then
    [ -n "${UV_INDEX_URL:-}" ] || told UV_DEFAULT_INDEX "$(setting index-url)"
    told UV_INDEX "$(setting extra-index-url)"
    # As pip does it: all indexes are equal, and the hash decides.
    told UV_INDEX_STRATEGY unsafe-best-match
    told UV_FIND_LINKS "$(setting find-links | tr ' ' ',')"
    told SSL_CERT_FILE "$(setting cert)"
    install() { # arguments...
        if [ -t 2 ]; then
            .venv/bin/uv pip install --python .venv/bin/python "$@"
        else
            # A log has no use for the bar, nor for a line about each package; all else is said.
            .venv/bin/uv pip install --python .venv/bin/python --no-progress "$@" 2>&1 | sed -E '/^ [+~-] /d; s/^/     /'
        fi
    }
else
    echo "     uv could not be installed (see above); pip does it too, in three minutes instead of half a one"
    install() { # arguments...
        pip install --quiet "$@"
    }
fi

echo "3/3  $(grep -cE '^[A-Za-z0-9]' "requirements/$what.txt") packages of requirements/$what.txt, and gapbench itself"
install --require-hashes --no-deps -r requirements/build.txt -r "requirements/$what.txt"
install --no-build-isolation --no-deps -e .
touch .venv/.run-stamp
[ "$what" = run ] || touch .venv/.stamp
echo "     .venv is ready after $((SECONDS - began)) s"
