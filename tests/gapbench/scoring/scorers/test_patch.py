"""The scorer ``patch``: edits as diffs and as whole files, applied in the sandbox."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench.sandbox.guest.patch import Change, EditError, Hunk, apply_changes, apply_hunks, parse_diff
from gapbench.scoring import make_scorer
from gapbench.scoring.scorers.patch import find_changes
from gapbench.values import Sample, Score

FILES = {
    "shop/__init__.py": "",
    "shop/price.py": "RATE = 19\n\n\ndef gross(net):\n    return net + RATE\n",
    "shop/cart.py": "from shop.price import gross\n\n\ndef total(items):\n    return sum(gross(n) for n in items)\n",
}
FIXED = FILES["shop/price.py"].replace("net + RATE", "net * (100 + RATE) / 100")
TEST = "def check(repo):\n    cart = repo.load('shop.cart')\n    assert cart.total([100]) == 119\n    assert cart.total([]) == 0\n    assert repo.load('shop.price').gross(200) == 238"
HUNK = (
    "@@ -2,4 +2,4 @@\n \n \n def gross(net):\n-    return net + RATE\n+    return net * (100 + RATE) / 100\n"
)
HEADS = "--- a/shop/price.py\n+++ b/shop/price.py\n"


def score(reply: str) -> Score:
    return make_scorer("patch", {})(reply, Sample("s", (), columns={"files": FILES, "test": TEST}))


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (f"```diff\n{HEADS}{HUNK}```", "correct"),
        (f"{HEADS}{HUNK}", "correct"),
        (f"Here:\n```diff\ndiff --git a/shop/price.py b/shop/price.py\nindex 1..2 100644\n{HEADS}{HUNK}```\nDone.", "correct"),
        ("```diff\n--- shop/price.py\n+++ shop/price.py\n" + HUNK.replace("@@ -2,4 +2,4 @@", "@@ -40,9 +7,3 @@") + "```", "correct"),
        (f"```diff\n{HEADS}@@\n" + HUNK.split("\n", 1)[1] + "```", "correct"),
        (f"shop/price.py\n```python\n{FIXED}```", "correct"),
        (f"### `shop/price.py`\n\n```python\n{FIXED}```", "correct"),
        (f"**File: shop/price.py**\n```\n{FIXED}```", "correct"),
        (f"```python\n# shop/price.py\n{FIXED}```", "correct"),
        (f"```diff\n{HEADS}{HUNK.replace('net + RATE', 'net - RATE')}```", "wrong"),
        (f"shop/price.py\n```python\n{FILES['shop/price.py']}```", "wrong"),
        ("shop/price.py\n```python\ndef gross(\n```", "wrong"),
        ("```diff\n--- a/no.py\n+++ b/no.py\n@@ -1 +1 @@\n-a\n+b\n```", "wrong"),
        ("Multiply instead of adding.", "unparsed"),
        (f"```python\n{FIXED}```", "unparsed"),
        ("", "unparsed"),
    ],
)  # fmt: skip
def test_edits_are_applied_and_tested(reply: str, outcome: str) -> None:
    """Both forms, with the slips that models make in them, end as what they mean."""
    assert score(reply).outcome == outcome


def test_partial_credit_is_kept_apart() -> None:
    """100 + 19 is right by chance, and so is the empty cart: the unchanged repository has 2 of 3."""
    found = score("shop/extra.py\n```python\nX = 1\n```")
    assert (found.value, found.partial) == (0.0, 2 / 3)


@pytest.mark.parametrize(
    "reply",
    [
        "/tmp/evil.py\n```python\nx = 1\n```",
        "../evil.py\n```python\nx = 1\n```",
        "```diff\n--- /dev/null\n+++ b/../../evil.py\n@@ -0,0 +1 @@\n+x = 1\n```",
        "```diff\n--- /dev/null\n+++ /etc/evil\n@@ -0,0 +1 @@\n+x = 1\n```",
        "shop/cart.py\n```python\nimport os\nos._exit(0)\n```",
        "shop/cart.py\n```python\nclass All:\n    def __eq__(self, other): return True\ndef total(items): return All()\n```",
        "harness/gapbench/sandbox/guest/test_runner.py\n```python\ndef judge(*a): return {'state': 'passed'}\n```",
    ],
)
def test_hostile_edits_score_0(reply: str) -> None:
    """An edit that leaves the repository, ends the process or lies about equality gets nothing."""
    assert score(reply).value == 0.0


def test_files_come_and_go() -> None:
    """A diff adds, deletes and moves files."""
    text = (
        "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,2 @@\n+a = 1\n+b = 2\n"
        "--- a/old.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"
        "--- a/here.py\n+++ b/there.py\n@@ -1,2 +1,2 @@\n-x\n+y\n z\n"
    )
    files = {"old.py": "gone\n", "here.py": "x\nz\n"}
    assert apply_changes(files, parse_diff(text)) == {"new.py": "a = 1\nb = 2\n", "there.py": "y\nz\n"}


def test_a_hunk_goes_where_its_lines_are_nearest() -> None:
    """Of two places with the same lines the one nearer to the number said is changed."""
    lines = "a\nb\nc\na\nb\nc\n"
    assert apply_hunks(lines, [Hunk(4, ["b"], ["B"])], "f") == "a\nb\nc\na\nB\nc\n"
    assert apply_hunks(lines, [Hunk(1, ["b"], ["B"])], "f") == "a\nB\nc\na\nb\nc\n"


def test_a_hunk_that_fits_nowhere_says_which() -> None:
    """The error names the hunk and the file."""
    with pytest.raises(EditError, match=r"hunk 1 of f\.py does not fit"):
        apply_hunks("a\n", [Hunk(1, ["z"], ["y"])], "f.py")


@given(
    before=st.lists(st.sampled_from(["a", "b", "", " c", "def f():"]), min_size=1, max_size=12),
    after=st.lists(st.sampled_from(["a", "b", "", " c", "d"]), min_size=1, max_size=12),
    context=st.integers(0, 3),
)
def test_difflib_diffs_apply(before: list[str], after: list[str], context: int) -> None:
    """What Python's own difflib writes, read back and applied, gives the new text."""
    old, new = "\n".join(before) + "\n", "\n".join(after) + "\n"
    diff = "".join(
        difflib.unified_diff(old.splitlines(True), new.splitlines(True), "a/f.py", "b/f.py", n=context)
    )
    if old != new:
        assert apply_changes({"f.py": old}, parse_diff(diff)) == {"f.py": new}


@given(st.text(max_size=300))
def test_no_reply_breaks_the_reading(reply: str) -> None:
    """Whatever the reply says, it is read to changes or to none."""
    assert all(isinstance(change, Change) for change in find_changes(reply, FILES))


def test_what_is_missing_blames_no_model() -> None:
    """A sample without a repository is not scored."""
    assert make_scorer("patch", {})("x", Sample("s", (), columns={"test": TEST})).outcome == "unscored"
