"""YAML at the door: values, lines, bounds, and pydantic's findings in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from gapbench.errors import DocumentError
from gapbench.suite.documents import (
    MAX_BYTES,
    NAME_PATTERN,
    FaultsError,
    StrictModel,
    parse_document,
    read_document,
    refuse_secrets,
    validate_document,
)


class Inner(StrictModel):
    size: int = Field(1, ge=1)
    share: float | None = Field(None, le=1)


class Example(StrictModel):
    name: str = Field(pattern=NAME_PATTERN, description="what it is called")
    kind: Literal["open", "closed"] = "open"
    inner: Inner = Inner()
    many: list[Inner] = Field(default_factory=list)
    either: str | Inner = ""
    texts: str | list[Inner] = ""
    level: Literal["off", "low"] | int | None = None
    free: dict[str, Any] = Field(default_factory=dict)


def parsed(text: str | bytes) -> Any:
    return parse_document(text, Path("f.yaml")).value


def refused(text: str | bytes) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        validate_document(parse_document(text, Path("f.yaml")), Example)
    assert "\n" not in str(caught.value)
    return caught.value


def test_every_key_and_item_has_its_line() -> None:
    """From 1; a value that is not there has the line of what is around it."""
    document = parse_document("a: 1\nb:\n  - x\n  - c: 2\n    d: 3\n", Path("f.yaml"))
    paths = (("a",), ("b", 0), ("b", 1, "d"), ("b", 1, "nothing"), ())

    assert [1, 3, 5, 4, 1] == [document.line(path) for path in paths]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("no", "no"),
        ("true", True),
        ("~", None),
        ("1_000", 1000),
        ("0x1F", 31),
        ("010", "010"),
        ("12:30", "12:30"),
        ("1e-3", 0.001),
        ("'1e-3'", "1e-3"),
        ("2026-02-12", "2026-02-12"),
        ("-7", -7),
        (".5", 0.5),
    ],
)
def test_scalars_are_read_as_yaml_1_2_reads_them(text: str, value: Any) -> None:
    """YAML 1.1 has false for `off`, 750 for 12:30 and 8 for 010; dates stay text."""
    found = parsed(f"a: {text}")["a"]

    assert (value, type(value)) == (found, type(found))


def test_words_without_quotes_are_remembered() -> None:
    """Where any value is allowed, nobody can say whether `off` is a word."""
    assert (("a", "b"),) == parse_document("a: {b: off, c: 'off', d: false}", Path("f")).unquoted_booleans


def test_a_mapping_can_be_merged() -> None:
    """`<<` is laid under the keys beside it."""
    found = parsed("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {y: 4, <<: [*a, {z: 5}]}")

    assert ({"x": 1, "y": 3}, {"x": 1, "y": 4, "z": 5}) == (found["b"], found["c"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml: the file is empty; `bench init`"),
        ("# only a comment", "the file is empty"),
        ("- a", "f.yaml:1: the top level is a list; it must be a mapping"),
        ("5", "the top level is one value"),
        ("a: 1\nb: 2\na: 3", "f.yaml:3: a: this key is given twice, also on line 1; keep one"),
        ("a: {b: 1, b: 2}", "f.yaml:1: a.b: this key is given twice"),
        ("a: !!python/object:os.system x", "a: the tag 'tag:yaml.org,2002:python/object:os.system' is not allowed"),
        ("a: !secret x", "f.yaml:1: a: the tag '!secret' is not allowed"),
        ("? [a]\n: b", "f.yaml:1: a key must be plain text"),
        ("a: {x} and {y}", "put a template that begins with { in quotes"),
        ("a: b: c", "f.yaml:1: not YAML: mapping values are not allowed in this context; put text that holds ': ' in quotes"),
        ("a:\n\tb: 1", "f.yaml:2: not YAML: found character that cannot start any token"),
        ("a: *x", "undefined alias; put text that begins with * in quotes"),
        ("a: 'x", "close the quotes"),
        ("a: 1\n---\nb: 2", "f.yaml:2: not YAML: found another document"),
        (b"a: x\nb: \xff", "f.yaml:2: not YAML: unacceptable character #x00ff: invalid leading UTF-8 octet; save the file as UTF-8"),
        ("a: .inf", "f.yaml:1: a: found .inf; expected a finite number"),
        ("a: " + "9" * 5000, "a number of 5000 digits"),
        ("a: &a {b: *a}", "an alias that holds itself"),
        ("a: " + "[" * 60 + "]" * 60, "nested deeper than 40 levels"),
        ("a: " + "[" * 100_000, "nesting depth"),
        ("a: {<<: 5}", "`<<` takes a mapping"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_one_line(text: str | bytes, said: str) -> None:
    """The line, what was found, and what would do."""
    assert said in str(refused(text))


def test_aliases_cannot_grow_without_bound() -> None:
    """Nine lines of ten aliases each are a billion values; also through merges."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    merges = ["a0: &a0 {x: 1}"]
    merges += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 9)]

    assert "once its aliases are followed" in str(refused("\n".join(lines)))
    parsed("a: &a {x: 1}\nb: [*a, *a]")
    assert "once its aliases are followed" in str(refused("\n".join(merges)))


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    """4 MiB is more than any suite needs."""
    file = tmp_path / "big.yaml"
    file.write_bytes(b"#" * (MAX_BYTES + 1))

    with pytest.raises(DocumentError, match="put data into a separate file"):
        read_document(file)


@pytest.mark.parametrize("name", ["", "none.yaml", "a\0b", "x" * 300])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str) -> None:
    """A folder, none at all, a name that cannot be."""
    with pytest.raises(DocumentError, match=r"no such file|cannot be read"):
        read_document(tmp_path / name)


FAULTS = [
    ("nam: x", "f.yaml:1: nam: unknown key 'nam'; did you mean 'name'? known: name, kind"),
    ("name: x\nName: y", "f.yaml:2: Name: unknown key 'Name'; did you mean 'name'?"),
    ("name: x\nstr: y", "f.yaml:2: str: unknown key 'str'; known: name"),
    ("name: x\nsize: 5", "f.yaml:2: size: unknown key 'size' here; it goes under 'inner'"),
    ("name: x\nmany: [{sise: 5}]", "many[0].sise: unknown key 'sise'; did you mean 'size'? known: size, share"),
    ("kind: open", "f.yaml:1: name: missing; it must be given: what it is called"),
    ("name:", "name: found nothing; expected text"),
    ("name: 5", "name: found 5; expected text: put it in quotes"),
    ("name: true", "name: found true; expected text: put it in quotes"),
    ("name: {col}", 'name: found a mapping; expected text: put a template in quotes, "{col}"'),
    ("name: a b", "name: found 'a b'; expected letters, digits, '.', '_' and '-', beginning with a letter or digit"),
    ("name: x\nkind: opne", "f.yaml:2: kind: found 'opne'; expected one of 'open' or 'closed'; did you mean 'open'?"),
    ("name: x\ninner: {size: many}", "inner.size: found 'many'; expected a whole number"),
    ("name: x\ninner: {size: '5'}", "inner.size: found '5'; expected a whole number without quotes"),
    ("name: x\ninner: {size: 05}", "found '05'; expected a whole number without leading zeros"),
    ("name: x\ninner: {size: true}", "inner.size: found true; expected a whole number"),
    ("name: x\ninner: {size: 1.5}", "inner.size: found 1.5; expected a whole number"),
    ("name: x\ninner: {size: 0}", "inner.size: found 0; expected at least 1"),
    ("name: x\ninner: {share: 2}", "inner.share: found 2; expected at most 1"),
    ("name: x\ninner: 5", "inner: found 5; expected a mapping"),
    ("name: x\nmany: 5", "many: found 5; expected a list"),
    ("name: x\neither: 5", "either: found 5; expected text, or a mapping"),
    ("name: x\neither: {size: 0}", "either.size: found 0; expected at least 1"),
    ("name: x\neither: {sise: 0}", "either.sise: unknown key 'sise'; did you mean 'size'? known: size, share"),
    ("name: x\ntexts:\n  - size: 1\n  - size: 0", "f.yaml:4: texts[1].size: found 0; expected at least 1"),
    ("name: x\nlevel: lots", "level: found 'lots'; expected one of 'off' or 'low', or a whole number"),
    ("name: x\nfree: []", "free: found an empty list; expected a mapping"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), FAULTS)
def test_a_fault_is_said_in_plain_words(text: str, said: str) -> None:
    """What was found, where, and what would do."""
    error = str(refused(text))

    assert said in error
    assert not {"Input should", "pydantic", "union", "str_"} & set(error.split())
    assert "more)" not in error or text == "nam: x"


def test_further_faults_are_counted_and_kept() -> None:
    """One for each place, whatever the number of types it might have had."""
    error = refused("name: 5\nkind: shut\neither: 7\nmany: [{size: 0}]")

    assert isinstance(error, FaultsError)
    assert str(error).endswith("(and 3 more)")
    assert ["kind", "many[0].size", "either"] == [other.key for other in error.others]
    assert (1, 2, 4, 3) == (error.line, *(other.line for other in error.others))


def test_a_part_is_checked_in_its_place() -> None:
    """The key's path begins at the top."""
    document = parse_document("list:\n  - name: x\n  - name: 5\n", Path("f.yaml"))

    with pytest.raises(DocumentError, match=r"f\.yaml:3: list\[1\]\.name: found 5"):
        validate_document(document, Example, document.value["list"][1], ("list", 1))


@pytest.mark.parametrize(
    "text",
    [
        "models: [{api_key: hunter2hunter2}]",
        "models: [{options: {headers: {Authorization: hunter2hunter2}}}]",
        "models: [{serve: {env: {HF_TOKEN: hunter2hunter2}}}]",
        "models: [{params: {extra: {api-key: hunter2hunter2}}}]",
        "description: sk-hunter2hunter2hunter2",
        "models: [{model: AIzahunter2hunter2hunter2hunter2}]",
        "models: [{options: [{x: Bearer hunter2hunter2hunter2}]}]",
        "models: [{serve: {args: [--api-key, sk-hunter2hunter2hunter2]}}]",
        "models: [{serve: {args: [--api-key, hunter2]}}]",
        "models: [{serve: {args: [--max-model-len, '8192', --api-key=hunter2]}}]",
        "models: [{serve: {args: [--hf-token, hunter2]}}]",
        "models: [{serve: {args: [--api-key, 20282028]}}]",
        "models: [{serve: {args: [--api-key=-hunter2]}}]",
        "models: [{serve: {command: [sh, -c, 'vllm serve --port 1 --api-key hunter2']}}]",
        "models: [{serve: {command: [env, HF_TOKEN=hunter2, vllm]}}]",
        "judges: [{options: {headers: {Authorization: hunter2}}}]",
        "judges: [{api_key: hunter2}]",
        "params: {extra: {api_key: hunter2}}",
        "tasks: [{params: {extra: {headers: {x-api-key: hunter2}}}}]",
    ],
)
def test_a_key_is_refused_and_not_shown(text: str) -> None:
    """Wherever it stands; the way out is named."""
    with pytest.raises(DocumentError, match="key_env") as caught:
        refuse_secrets(parse_document(text, Path("f.yaml")))
    assert "hunter2" not in str(caught.value)


def test_a_key_among_arguments_is_told_with_its_place() -> None:
    """Line and dotted path of the value."""
    text = "models:\n  - serve:\n      args:\n        - --api-key\n        - hunter2\n"

    with pytest.raises(DocumentError, match=r"f\.yaml:5: models\[0\]\.serve\.args\[1\]: a key must not"):
        refuse_secrets(parse_document(text, Path("f.yaml")))


@pytest.mark.parametrize(
    "text",
    [
        "models: [{key_env: OPENAI_API_KEY, params: {max_tokens: 5, extra: {stop_token: x}}}]",
        "models: [{sim: {tokens_per_chunk: 3, reasoning: {tokens: 60}}}]",
        "tasks: [{scorer: {name: json, key: answer}, prompt: 'The sk-8 bus'}]",
        "models: [{serve: {args: [--trust-remote-code, --max-model-len, '8192', --served-model-name, key]}}]",
        "models: [{serve: {args: [--api-key, --ssl-keyfile, here.pem, --max-num-batched-tokens=4096]}}]",
        "tasks: [{few_shot: [{user: 'run it with --api-key KEY', assistant: A}], key: id}]",
        "models: [{model: sk-small-8b}]",
    ],
)
def test_what_is_no_key_passes(text: str) -> None:
    """Names of variables, counts of tokens, columns."""
    refuse_secrets(parse_document(text, Path("f.yaml")))


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes_are_a_document_or_one_line(text: bytes | str) -> None:
    """Never another exception."""
    try:
        assert isinstance(parse_document(text, Path("f.yaml")).value, dict)
    except DocumentError as exc:
        assert str(exc).isprintable() or "\n" not in str(exc)
