"""The search over prompts and answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gapbench.errors import InputError
from gapbench.view.cache import ViewCache
from gapbench.view.samples_table import samples_table
from gapbench.view.text_search import BLOCK_ITEMS, TextSearch, find_snippets, read_terms
from tests.episode_runs import write_episode_run
from tests.gapbench.view.test_samples import write_texts_run
from tests.run_folders import make_answers, make_attempt

PROMPT = '[{"role": "user", "parts": [{"text": "Capital of \\"France\\"?\\nÉlan"}, {"image_sha256": "ab", "media_type": "image/png"}]}]'


@pytest.fixture
def cache(tmp_path: Path) -> ViewCache:
    return ViewCache(tmp_path / "cache")


@pytest.fixture
def search(cache: ViewCache) -> Iterator[TextSearch]:
    made = TextSearch(cache)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("a  b", ("a", "b")),
        ('"a b" c', ("a b", "c")),
        ("A a", ("a",)),
        ('"', ('"',)),
        ("  ", ()),
        ('x"y z"', ('x"y', 'z"')),
    ],
)
def test_a_query_is_words_and_phrases(query: str, terms: tuple[str, ...]) -> None:
    """In lower case, each once."""
    assert terms == read_terms(query)


def test_a_query_has_a_limit() -> None:
    """A search is not a document."""
    with pytest.raises(InputError, match="501 characters"):
        read_terms("x" * 501)


@pytest.mark.parametrize(
    ("query", "items"),
    [
        ("paris", (0,)),
        ("PARIS", (0,)),
        ("answer", (0, 1)),
        ("the answer is", (0, 1)),
        ('"answer is lyon"', (1,)),
        ('"is answer"', ()),
        ("france", (0, 1, 2)),
        ('"france"', (0, 1, 2)),
        ("élan", (0, 1, 2)),
        ("capital paris", ()),
        ("user", ()),
        ("image_sha256", ()),
        ("s-2", (2,)),
        ("100%", (2,)),
        ("a_b", (2,)),
        ("'", (2,)),
        ("nowhere", ()),
    ],
)
def test_texts_are_found(tmp_path: Path, search: TextSearch, query: str, items: tuple[int, ...]) -> None:
    """Finding 48: in prompts, answers and ids, all terms in one text, as text and not as a pattern or JSON."""
    rows = [make_attempt(sample_id=f"s-{number}") for number in range(3)]
    texts = ["The answer is Paris.", "The ANSWER is Lyon.", "100% a_b, isn't it"]
    run = write_texts_run(tmp_path / "run-1", rows, texts, PROMPT)

    assert items == search.find(run, query, 60).items


def test_every_block_is_searched(tmp_path: Path, search: TextSearch) -> None:
    """A match in the first block and one in the second, in order."""
    count = BLOCK_ITEMS + 2
    texts = ["nothing"] * count
    texts[1] = texts[BLOCK_ITEMS + 1] = "the needle"
    run = write_texts_run(tmp_path / "run-1", make_answers("closed-a", count, count), texts)
    found = search.find(run, "needle", 60)

    assert ((1, BLOCK_ITEMS + 1), 1.0) == (found.items, found.searched_share)


def test_a_snippet_shows_where_it_matched(tmp_path: Path, cache: ViewCache, search: TextSearch) -> None:
    """The words around the first term, and whose they are."""
    rows = [make_attempt(), make_attempt(model_id="open-b")]
    run = write_texts_run(tmp_path / "run-1", rows, ["no", "before " * 50 + "needle after"], "[]")
    found = search.find(run, "needle", 60)
    snippet = find_snippets(samples_table(run, cache), found.items, found.terms)[0]

    assert "open-b" == snippet["where"]
    assert snippet["text"].endswith("before before needle after")
    assert len(snippet["text"]) <= 160


def test_invisible_characters_are_not_in_a_snippet(
    tmp_path: Path, cache: ViewCache, search: TextSearch
) -> None:
    """No direction mark and no escape code."""
    run = write_texts_run(tmp_path / "run-1", [make_attempt()], ["\u202eneedle\x1b[31m end"], "[]")
    found = search.find(run, "needle", 60)

    assert "needle end" == find_snippets(samples_table(run, cache), found.items, found.terms)[0]["text"]


@pytest.mark.parametrize("word", ["zanzibar", "xylophone", "quokka", "brief", "gone"])
def test_all_turns_of_an_episode_are_searched(tmp_path: Path, search: TextSearch, word: str) -> None:
    """A call's arguments, its result, what the user said, the first prompt, and the last reply."""
    run = write_episode_run(tmp_path / "run")

    assert (0,) == search.find(run, word, wait_s=60).items
