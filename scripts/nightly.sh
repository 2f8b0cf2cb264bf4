#!/usr/bin/env bash
# The nightly job: run a suite, hold it against the baseline, leave all that a person wants to see in nightly/.
#   scripts/nightly.sh            SUITE=tasks/suites/nightly.yaml on a GPU (.venv-gpu of `make setup-gpu`, where it is); bench owns the vLLM server
#   CPU=1 scripts/nightly.sh      real vLLM on the CPU with the small model of tests/vllm/model
# Environment: SUITE, OUT (results), RULES (one --fail-on rule a line), BASELINE (its name), SET_BASELINE=1 (take this run as the
#   baseline if it is complete, whatever the gate says of it: so a change is accepted).
# Exit codes: 0 pass, 1 broken run (also if one of several models was not answered), 2 bad input, 3 regression, 130 interrupted.
set -uo pipefail
cd "$(dirname "$0")/.."
bench=${BENCH:-.venv/bin/bench}
[ -n "${BENCH:-}${CPU:-}" ] || [ ! -x .venv-gpu/bin/bench ] || bench=.venv-gpu/bin/bench
out=${OUT:-results}
baseline=${BASELINE:-nightly}
rules=${RULES:-$'accuracy<-2pp\ncoverage<-1pp\np95_response>+20%'}
suite=${SUITE:-tasks/suites/nightly.yaml}
if [ -n "${CPU:-}" ]; then
    [ -x "${VLLM_PYTHON:=$PWD/.venv-vllm/bin/python}" ] || scripts/setup_vllm_cpu.sh || exit 2
    export VLLM_PYTHON
    suite=nightly/suite-cpu.yaml
    baseline=${BASELINE:-nightly-cpu}
    rules=${RULES:-$'accuracy<-2pp\ncoverage<-1pp'}
fi
rm -rf nightly
mkdir -p nightly
[ -z "${CPU:-}" ] || sed -e "s|@PYTHON@|$VLLM_PYTHON|" -e "s|@ROOT@|$PWD|" tests/vllm/nightly-cpu.yaml > "$suite"
fail_on=()
while IFS= read -r rule; do [ -z "$rule" ] || fail_on+=(--fail-on "$rule"); done <<< "$rules"

say() { # a line for the log and for the job's summary
    echo "$1"
    echo "$1" >> nightly/summary.md
}

quote() { # a file for the job's summary, as a block of code: what a model or server said is text, whatever it looks like
    { echo; head -c 20000 "$1" | tr -d '\r' | sed 's/^/    /'; echo; } >> nightly/summary.md
}

# A model that cannot be reached or refuses must not cost the night of the others, so the check that would stop the run is left out:
# the run gives that model up, goes on, and ends with exit code 1.
# On a CPU the suite, our own, names the python of the environment that has vLLM.
"$bench" run "$suite" --yes --quiet --no-preflight ${CPU:+--allow-code} --out "$out" > nightly/run.txt 2> nightly/run-errors.txt
ran=$?
code=$ran
cat nightly/run-errors.txt >&2
run=$(tail -n 1 nightly/run.txt)
if [ ! -f "$run/run.json" ]; then
    [ "$code" -ne 0 ] || code=1
    say "The run did not start (exit code $code)."
    quote nightly/run-errors.txt
else
    "$bench" report "$run" --html nightly/report.html --md nightly/report.md > /dev/null || code=1
    "$bench" trend "$out" --html nightly/trend.html --md nightly/trend.md > /dev/null 2> nightly/errors.txt || true
    mkdir -p nightly/run
    cp "$run"/run.json "$run"/*.parquet nightly/run/ 2> /dev/null || true
    cp -r "$run/logs" nightly/run/ 2> /dev/null || true
    if [ "$ran" -ne 0 ]; then
        say "The run is broken (exit code $ran); \`bench report $run --errors\` shows why."
        cp nightly/run-errors.txt nightly/errors.txt
        "$bench" report "$run" --errors >> nightly/errors.txt
        quote nightly/errors.txt
    fi
    keep=${SET_BASELINE:-}
    [ "$code" -eq 0 ] || keep=
    if [ "$code" -gt 1 ]; then
        : # Interrupted: nothing is compared.
    elif ! "$bench" baseline show --out "$out" > /dev/null 2> nightly/errors.txt; then
        code=2
        say "The baselines cannot be read (exit code $code)."
        quote nightly/errors.txt
        keep=
    elif "$bench" baseline show --name "$baseline" --out "$out" > /dev/null 2>&1; then
        # Also after a broken run: the models that were answered are compared, and the exit code is 1, or 3 if one of them is worse.
        "$bench" compare "$baseline" "$run" --out "$out" "${fail_on[@]}" --junit nightly/gate.xml --md nightly/summary.md 2> nightly/errors.txt
        compared=$?
        if [ -s nightly/errors.txt ]; then
            say "The comparison with \`$baseline\` has an error (exit code $compared)."
            quote nightly/errors.txt
        fi
        [ "$compared" -eq 0 ] || code=$compared
    elif [ "$code" -eq 0 ]; then
        say "There is no baseline \`$baseline\` yet: this run becomes it."
        keep=1
    else
        say "There is no baseline \`$baseline\` yet, and a broken run does not become it."
    fi
    if [ -n "$keep" ] && "$bench" baseline set "$run" --name "$baseline" --out "$out"; then
        [ "$code" -eq 0 ] || say "Accepted by SET_BASELINE: this run is the baseline now, though the gate said no (exit code $code)."
        code=0
    elif [ -n "$keep" ]; then
        code=1
    fi
fi
# A gate that has never said no may be one that cannot: the same night with its answers cut after one token must fail it.
if [ "$code" -eq 0 ] && [ -n "${CPU:-}" ]; then
    sed 's/max_tokens: [0-9]*/max_tokens: 1/' "$suite" > nightly/suite-cut.yaml
    cut=$("$bench" run nightly/suite-cut.yaml --yes --quiet --allow-code --out nightly/cut | tail -n 1)
    "$bench" compare "$run" "$cut" "${fail_on[@]}" > nightly/cut.txt
    said=$?
    if [ "$said" -eq 3 ]; then
        say "The gate says no when answers are cut after one token."
    else
        say "The gate did not say no when answers were cut after one token (exit code $said, not 3): see nightly/cut.txt."
        code=1
    fi
fi
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat nightly/summary.md nightly/trend.md nightly/report.md >> "$GITHUB_STEP_SUMMARY" 2> /dev/null
exit "$code"
