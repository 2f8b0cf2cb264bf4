"""Personal data in texts: what is found by its form and its check digits, and what only looks like it."""

from __future__ import annotations

import json
import re
import string
import uuid
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapbench.cli import invoke
from gapbench.traffic.personal_data import KINDS, MAY_HAVE, find_personal_data
from gapbench.traffic.secrets import remove_secrets
from tests.traffic_logs import import_files

DIGIT = st.sampled_from(string.digits)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text(string.digits, min_size=count, max_size=count)


def found(text: str) -> list[tuple[str, str]]:
    """Return the kind and the text of each find."""
    return [(one.kind, text[one.start : one.end]) for one in find_personal_data(text)]


def other_digit(char: str) -> str:
    return str((int(char) + 1) % 10)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "anna.meier+news@mail.kunde.co.uk"),
        ("email", "o_brien@a-b.museum"),
        ("phone", "+49 30 1234567"),
        ("phone", "+1 (415) 555-2671"),
        ("phone", "+442071838750"),
        ("phone", "(415) 555-2671"),
        ("phone", "1-415-555-2671"),
        ("phone", "415.555.2671"),
        ("iban", "DE89 3704 0044 0532 0130 00"),
        ("iban", "GB29NWBK60161331926819"),
        ("iban", "NO93 8601 1117 947"),
        ("card", "4111 1111 1111 1111"),
        ("card", "5555-5555-5555-4444"),
        ("card", "378282246310005"),
        ("card", "3782 822463 10005"),
        ("card", "30569309025904"),
        ("card", "6011111111111117"),
        ("ip", "8.8.4.4"),
        ("ip", "2001:4860:4860::8888"),
        ("national_id", "536-90-4399"),
        ("national_id", "912-70-1234"),
        ("national_id", "AB 12 34 56 C"),
        ("national_id", "12345678Z"),
        ("national_id", "X1234567L"),
        ("national_id", "RSSMRA85T10A562S"),
        ("national_id", "2 55 08 14 168 025 38"),
        ("national_id", "111.444.777-35"),
        ("national_id", "11010519491231002X"),
        ("national_id", "811218-9876"),
        ("secret", "[redacted]"),
        ("secret", "sk-" + "a1B2" * 8),
    ],
)
@pytest.mark.parametrize(
    "frame", ["{}", "It is {}, he said.", "id:({})", "a\\n{}\\nb", "x\n{}\n", '"{}"', "是{}。"]
)
def test_each_kind_is_found_wherever_it_stands(kind: str, text: str, frame: str) -> None:
    """Published examples: of vendors' test cards, of the registries, and of the countries' own documents."""
    assert [(kind, text)] == found(frame.format(text))


@pytest.mark.parametrize(
    "text",
    [
        "anna@example.com", "a@b", "user@localhost", "bench@cache.internal", "cuda==12.0.0.61", "x@y.test", "@decorator", "git@github:repo", "a..b@kunde.de",
        "+12345", "2026-01-31", "2026-01-31T12:00:00.000Z", "1767225600", "1767225600000000", "415 555 2671",
        "order 415-555-26711", "v1.2.3.4", "version 1.2.3.4", "1.2.3.4.5", "10.0.0.7", "192.168.1.1", "127.0.0.1", "::1",
        "203.0.113.9", "fe80::1", "12:34:56", "std::vector", "999.1.1.1", "4111 1111 1111 1112", "0000 0000 0000 0000",
        "1234 5678 9012 3456", "DE89 3704 0044 0532 0130 01", "XX89370400440532013000", "DE8937040044053201300",
        "000-12-3456", "666-12-3456", "912-12-3456", "123-00-4567", "123-45-0000", "078-05-1120", "123-45-6789",
        "12345678A", "111.111.111-11", "111.444.777-34", "110105194913310020", "811318-9876", "811218-9877", "GB123456A",
        "RSSMRA85T10A562T", "255081416802539", "$4,111,111,111,111,111.00", "0.4111111111111111",
    ],
)  # fmt: skip
def test_what_only_looks_like_it_is_not_found(text: str) -> None:
    """Reserved names and ranges, dates, times, versions, wrong check digits, numbers that are never issued."""
    assert [] == found(f"It is {text} here.")


def iban_of(country: str, account: str) -> str:
    """Return an account with its check digits, by long division of its letters as numbers."""
    rest = 0
    for char in f"{account}{country}00":
        for digit in str(
            string.digits.index(char) if char.isdigit() else string.ascii_uppercase.index(char) + 10
        ):
            rest = (rest * 10 + int(digit)) % 97
    return f"{country}{98 - rest:02d}{account}"


@given(st.sampled_from([("DE", 18), ("FR", 23), ("ES", 20), ("PL", 24), ("NL", 14)]), st.data())
def test_an_iban_is_found_with_its_right_check_digits_and_no_others(
    country: tuple[str, int], data: st.DataObject
) -> None:
    """In one row and in groups of four. Any other digit in its place is no account."""
    iban = iban_of(country[0], data.draw(digits(country[1])))
    grouped = " ".join(re.findall(".{1,4}", iban))
    place = data.draw(st.integers(4, len(iban) - 1))
    wrong = iban[:place] + other_digit(iban[place]) + iban[place + 1 :]

    assert [("iban", iban)] == found(f"to {iban} today")
    assert ("iban", grouped) in found(f"to {grouped} today")
    assert "iban" not in [kind for kind, _ in found(f"to {wrong} today")]


def luhn_digit(start: str) -> str:
    """Return the check digit of a number, as ISO/IEC 7812-1 describes it: double every second digit from the right."""
    total = 0
    for place, char in enumerate(start[::-1]):
        doubled = int(char) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return str((10 - total % 10) % 10)


@given(
    st.sampled_from([("4", 16), ("52", 16), ("2221", 16), ("35", 16), ("37", 15), ("36", 14), ("6011", 16)]),
    st.data(),
)
def test_a_card_is_found_with_its_right_check_digit_and_no_other(
    issuer: tuple[str, int], data: st.DataObject
) -> None:
    """Numbers of the large networks; one digit off is no card."""
    start, size = issuer
    if start == "35":
        start = "3530"
    body = start + data.draw(digits(size - len(start) - 1))
    card = body + luhn_digit(body)
    wrong = body + other_digit(card[-1])

    assert [("card", card)] == found(f"card {card}.")
    assert [] == [one for one in found(f"card {wrong}.") if one[0] == "card"]


@given(digits(9))
def test_a_brazilian_number_is_found_with_both_check_digits(body: str) -> None:
    """CPF: the sum of digits by weights from 10 or 11 down, times ten, modulo eleven; 10 counts as 0."""
    number = body
    for size in (9, 10):
        weighted = sum(
            int(char) * weight for char, weight in zip(number, range(size + 1, 1, -1), strict=True)
        )
        number += str(weighted * 10 % 11 % 10)
    shown = f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"
    wrong = shown[:-1] + other_digit(shown[-1])

    assert ([("national_id", shown)] if len(set(number)) > 1 else []) == found(shown)
    assert [] == found(wrong)


@given(st.dates(date(1900, 1, 1), date(2025, 12, 31)), digits(3), digits(6))
def test_a_chinese_and_a_swedish_number_have_a_date_and_a_check_digit(
    born: date, serial: str, area: str
) -> None:
    """ISO 7064 MOD 11-2 by its recursion (double and add), and Luhn."""
    chinese = ("1" + area[1:]) + born.strftime("%Y%m%d") + serial
    rest = 0
    for char in chinese:
        rest = (rest + int(char)) * 2 % 11
    check = "0123456789X"[(12 - rest) % 11]
    swedish = born.strftime("%y%m%d")
    last = luhn_digit(swedish + serial)

    assert [("national_id", chinese + check)] == found(chinese + check)
    assert [("national_id", f"{swedish}-{serial}{last}")] == found(f"{swedish}-{serial}{last}")
    assert [] == found(f"{swedish}-{serial}{other_digit(last)}")


@given(
    st.uuids(),
    st.binary(min_size=16, max_size=32),
    st.floats(-1e9, 1e9),
    st.datetimes(),
    st.integers(0, 10**12),
)
def test_ids_hashes_numbers_and_times_are_no_personal_data(
    one: uuid.UUID, raw: bytes, number: float, at: date, count: int
) -> None:
    """What logs are full of."""
    text = f"{one} {raw.hex()} {number} {number:.2f} {at.isoformat()} {count} {count:,} 0x{count:x}"

    assert [] == found(text)


@settings(max_examples=300)
@given(st.text(alphabet=st.sampled_from('0123456789abcAZ@.:-+ ()/\\n"é中'), max_size=60))
def test_the_quick_look_misses_nothing_that_the_finders_find(text: str) -> None:
    """As plain text and as JSON; and no find is empty, overlaps another, or is out of the text."""
    finds = find_personal_data(text)
    ends = [0, *(one.end for one in finds)]

    assert all(start <= one.start < one.end <= len(text) for start, one in zip(ends, finds, strict=False))
    if finds:
        assert re.search(MAY_HAVE, text)
        assert re.search(MAY_HAVE, json.dumps(text))


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_secret_that_the_import_removes_is_found_too(before: str, after: str) -> None:
    """The same shapes; the mark that stays counts as one."""
    text = f"{before} AKIA{'ABCD1234' * 2} {after}"

    assert "secret" in [kind for kind, _ in found(text)]
    assert "secret" in [kind for kind, _ in found(remove_secrets(text)[0])]


def rules_file(folder: Path, text: str) -> Path:
    file = folder / "rules.yaml"
    file.write_text(text)
    return file


def test_redaction_takes_out_what_the_audit_finds(tmp_path: Path) -> None:
    """A rule with `find` is the same finder; everything else stays."""
    from gapbench.traffic.redaction import read_redaction

    redaction = read_redaction(
        rules_file(tmp_path, "rules:\n  - {find: iban, replace: '[account]'}\n  - {find: email}\n")
    )
    clean = redaction.apply({"a": "Pay DE89 3704 0044 0532 0130 00 for anna@kunde.de, order 4711", "n": 17})

    assert {"a": "Pay [account] for [redacted], order 4711", "n": 17} == clean
    assert {"IBAN": 1, "e-mail": 1} == redaction.counts
    assert redaction.changes[0].after == "Pay [account] for anna@kunde.de, order 4711"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{name: x, pattern: a, find: email}", "give a rule either a pattern or find, not both"),
        ("{name: x}", "give a rule either a pattern or find, not both"),
        ("{pattern: a}", "a rule with a pattern needs a name"),
        ("{find: shoe}", "rules[0].find"),
    ],
)
def test_a_rule_that_is_neither_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: str, message: str
) -> None:
    """One line, exit 2, before anything is drawn."""
    file = rules_file(tmp_path, f"rules:\n  - {rule}\n")
    import_files(tmp_path, {"log.jsonl": [{"model": "m", "messages": [{"role": "user", "content": "?"}]}]})

    assert 2 == invoke(["traffic", "sample", str(tmp_path / "traffic.parquet"), "--redact", str(file)])
    assert message in " ".join(capsys.readouterr().err.split())


def test_every_kind_has_a_name() -> None:
    """Tables show it."""
    assert {"email", "phone", "iban", "card", "ip", "national_id", "secret"} == set(KINDS)
