"""Writes the summary of a run as one comment on the pull request: updates its own if there is one. Only the standard library.

Environment: GITHUB_EVENT_PATH, GITHUB_API_URL, GITHUB_REPOSITORY and GITHUB_TOKEN from GitHub; SUMMARY (a file with Markdown),
TITLE (tells several comments of one pull request apart) and JOB_URL from action.yml.

A token that may not comment, as on pull requests from forks, is a warning and no failure.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

PER_PAGE = 100
MAX_CHARS = 60_000
"""GitHub takes 65,536 characters."""


def call(method: str, path: str, body: Any = None) -> Any:
    """Return the JSON that GitHub's API answers with."""
    request = urllib.request.Request(  # noqa: S310 - the address of GitHub's API comes from GitHub
        f"{os.environ['GITHUB_API_URL']}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "accept": "application/vnd.github+json",
            "authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "content-type": "application/json",
            "x-github-api-version": "2022-11-28",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")


def own_comment(issue: str, mark: str) -> int | None:
    """Return the id of the comment of a bot that begins with the mark."""
    page = 1
    while True:
        comments = call("GET", f"{issue}/comments?per_page={PER_PAGE}&page={page}")
        for comment in comments:
            if comment["user"]["type"] == "Bot" and str(comment["body"]).startswith(mark):
                return int(comment["id"])
        if len(comments) < PER_PAGE:
            return None
        page += 1


def main() -> None:
    """Write the comment."""
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    number = event.get("pull_request", {}).get("number")
    summary = Path(os.environ["SUMMARY"]) if os.environ.get("SUMMARY") else None
    if number is None or summary is None or not summary.exists():
        print("no pull request or no summary: no comment")
        return
    repository = f"/repos/{os.environ['GITHUB_REPOSITORY']}"
    title = re.sub(r"[^A-Za-z0-9._-]", "-", os.environ["TITLE"])
    mark = f"<!-- gapbench: {title} -->"
    text = summary.read_text(encoding="utf-8")
    if len(text) > MAX_CHARS:
        text = f"{text[:MAX_CHARS]}\n\n(shortened)"
    body = {"body": f"{mark}\n{text}\n[Log of this run]({os.environ['JOB_URL']})\n"}
    try:
        found = own_comment(f"{repository}/issues/{number}", mark)
        if found is None:
            call("POST", f"{repository}/issues/{number}/comments", body)
        else:
            call("PATCH", f"{repository}/issues/comments/{found}", body)
    except urllib.error.HTTPError as exc:
        print(f"::warning::gapbench could not comment: HTTP {exc.code}. The job needs the permission pull-requests: write; "
              "pull requests from forks do not get it. The same text is in the job's summary.")  # fmt: skip
    except OSError as exc:
        print(
            f"::warning::gapbench could not comment: {type(exc).__name__}. The same text is in the job's summary."
        )
    else:
        print(f"comment {'written' if found is None else 'updated'}")


if __name__ == "__main__":
    sys.exit(main())
