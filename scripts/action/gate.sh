#!/usr/bin/env bash
# One run of the action: run the suite, compare it with the baseline in .gapbench, keep it for the trend. action.yml sets the
# environment. It always exits 0, so that the steps that follow can save and report; the outputs have the verdict.
set -uo pipefail
kept=.gapbench
out=${OUT:-results}
work=$(mktemp -d "${RUNNER_TEMP:-/tmp}/gapbench-XXXXXX")
summary=$work/summary.md
: > "$summary"
bench=${BENCH:-bench}
is_pull_request=
case "${GITHUB_EVENT_NAME:-}" in pull_request*) is_pull_request=1 ;; esac
# No message is sent for a pull request; its author sees the comment.
[ -z "$is_pull_request" ] && [ -n "${BENCH_WEBHOOK:-}" ] || unset BENCH_WEBHOOK
verdict=error code=0 run= keep=false

say() { # a line for the log and the summary
    echo "$1"
    printf '%s\n\n' "$1" >> "$summary"
}

quote() { # a file for the summary as a block of code: text of models and servers stays text, whatever it looks like
    { head -c 20000 "$1" | tr -d '\r' | sed 's/^/    /'; echo; echo; } >> "$summary"
}

options=(--yes --quiet --out "$out")
[ -z "${LIMIT:-}" ] || options+=(--limit "$LIMIT")
[ -z "${MAX_USD:-}" ] || options+=(--max-usd "$MAX_USD")
[ "${ALLOW_CODE:-}" != true ] || options+=(--allow-code)
rules=()
while IFS= read -r rule; do
    rule=${rule//$'\r'/}
    [ -z "${rule// /}" ] || rules+=(--fail-on "$rule")
done <<< "${RULES:-}"

"$bench" run "$SUITE" "${options[@]}" > "$work/run.txt" 2> "$work/errors.txt"
code=$?
run=$(tail -n 1 "$work/run.txt")
if [ ! -f "$run/run.json" ]; then
    run=
    [ "$code" -ne 0 ] || code=1
    say "**The run did not start** (exit code $code)."
    quote "$work/errors.txt"
elif [ "$code" -ne 0 ]; then
    verdict=broken
    say "**The run is broken** (exit code $code)."
    "$bench" report "$run" --errors > "$work/errors.txt" 2>&1
    quote "$work/errors.txt"
elif ! "$bench" baseline show --name "$BASELINE" --out "$kept" > /dev/null 2>&1; then
    verdict=first
    say "There is no baseline \`$BASELINE\` yet, so nothing was compared."
else
    "$bench" compare "$BASELINE" "$run" --out "$kept" ${rules[@]+"${rules[@]}"} --md "$summary" > "$work/compare.txt" 2> "$work/errors.txt"
    code=$?
    cat "$work/compare.txt" "$work/errors.txt"
    case $code in
        0) verdict=pass ;;
        1) verdict=broken ;;
        3) verdict=regression ;;
        *) say "**The comparison has an error** (exit code $code)."; quote "$work/errors.txt" ;;
    esac
fi

if [ -z "$is_pull_request" ] && [ -n "$run" ] && { [ "$verdict" != error ] && [ "$verdict" != broken ]; }; then
    mkdir -p "$kept"
    cp -r "$run" "$kept/"
    keep=true
    name=$(basename "$run")
    case "${SET_BASELINE:-auto}" in
        always) wanted=1 ;;
        never) wanted= ;;
        *) [ "$verdict" = first ] && wanted=1 || wanted= ;;
    esac
    if [ -n "$wanted" ]; then
        "$bench" baseline set "$kept/$name" --name "$BASELINE" --out "$kept" && say "This run is the baseline \`$BASELINE\` now."
    fi
    held=$(sed -n 's/.*"run": "\(.*\)".*/\1/p' "$kept/baselines.json" 2> /dev/null)
    # The oldest runs go, by the date in their names; a baseline stays.
    for folder in "$kept"/*/; do basename "$folder"; done | sed -E 's/^(.*)-([0-9]{8}-[0-9]{6}-.*)$/\2 &/' | sort |
        head -n "-${KEEP:-30}" | sed 's/^[^ ]* //' | while IFS= read -r old; do
        grep -qxF "$old" <<< "$held" || rm -rf "${kept:?}/$old"
    done
    if [ "$(find "$kept" -name run.json -path "$kept/*/run.json" | wc -l)" -gt 1 ]; then
        drift=()
        [ "${FAIL_ON_DRIFT:-}" != true ] || drift=(--fail)
        "$bench" trend "$kept" --last "${KEEP:-30}" --md "$summary" ${drift[@]+"${drift[@]}"}
        trend=$?
        if [ "$trend" -eq 3 ] && [ "$code" -eq 0 ]; then verdict=drift code=3; fi
    fi
fi

[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$summary" >> "$GITHUB_STEP_SUMMARY"
{
    echo "verdict=$verdict"
    echo "exit-code=$code"
    echo "run=$run"
    echo "summary=$summary"
    echo "keep=$keep"
} >> "$GITHUB_OUTPUT"
exit 0
