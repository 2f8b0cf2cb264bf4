"""Which column of the user's data is the prompt, the answer, the id and so on, by its name and its values.

Names are compared by their words: ``Question Text``, ``questionText`` and ``question_text`` are one name, and
``question_id`` is an id. Words of other languages are in :data:`_WORDS`. Where no name tells, the prompt is the column
that looks most like sentences, and never the id.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapbench.suite.tasks.image_reader import ImageError, list_images, read_image
from gapbench.suite.tasks.plain_values import Row
from gapbench.suite.value_kinds import column_kind

_WORDS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "uid", "uuid", "guid", "task_id", "key", "name", "index", "number", "番号", "编号", "編號", "序号", "번호", "номер", "معرف"),
    "prompt": (
        "question", "prompt", "input", "text", "message", "query", "instruction", "problem", "request",
        "質問", "問題", "问题", "題目", "题目", "質問文", "問い", "문제", "질문", "вопрос", "задача", "запрос", "питання", "سؤال", "السؤال", "پرسش",
        "प्रश्न", "सवाल", "প্রশ্ন", "คำถาม", "câu hỏi", "frage", "aufgabe", "pregunta", "pergunta", "questão", "domanda", "quesito",
        "soru", "pytanie", "vraag", "otázka", "fråga", "spørgsmål", "spørsmål", "kysymys", "kérdés", "întrebare", "ερώτηση", "שאלה",
        "pertanyaan", "soalan", "câu_hỏi",
    ),
    "target": (
        "answer", "target", "label", "expected", "output", "gold", "solution", "completion", "correct", "reference",
        "回答", "答え", "解答", "正解", "答案", "标签", "標籤", "정답", "답변", "답", "ответ", "метка", "відповідь", "جواب", "إجابة", "الإجابة", "الجواب", "پاسخ",
        "उत्तर", "জবাব", "উত্তর", "คำตอบ", "trả lời", "đáp án", "antwort", "lösung", "respuesta", "resposta", "risposta", "réponse",
        "cevap", "yanıt", "odpowiedź", "antwoord", "odpověď", "svar", "vastaus", "válasz", "răspuns", "απάντηση", "תשובה", "jawaban", "jawapan",
    ),
    "options": ("options", "choices", "alternatives", "選択肢", "选项", "選項", "선택지", "보기", "варианты", "خيارات", "विकल्प", "optionen", "opciones", "opções", "opzioni"),
    "tag": ("category", "topic", "subject", "level", "difficulty", "kind", "type", "カテゴリ", "分類", "类别", "類別", "분류", "категория", "kategorie", "categoría", "categoria", "catégorie"),
    "cluster": ("cluster", "cluster_id", "group", "document_id", "doc_id", "source", "passage_id"),
    "image": ("image", "images", "image_path", "picture", "pictures", "photo", "file_name", "画像", "图片", "圖片", "이미지", "изображение", "bild", "imagen", "imagem", "immagine"),
}  # fmt: skip
"""The words of each role, the clearest first."""
_WHOLE_NAMES_ONLY = {"name", "key", "index", "number"}
"""Words that tell a role alone: a phone number and an answer key are no ids."""
_GENERIC_WORDS = {"text", "message", "input"}
"""Words that count only if no other word of the name tells a role: "output text" is an answer."""
_CODE_COLUMNS = {"entry_point", "test"}
_NO_PROMPT = frozenset({"image", "image_url", "url", "time", "identifier", "conversation"})
"""Kinds of values that are never a prompt, whatever the name of the column."""
_CODE_LIKE = re.compile(r"[A-Za-z0-9_.:/#-]+")
"""A value without blanks: a number, a code, a path, a hash."""


@dataclass(frozen=True)
class ColumnRoles:
    """The roles of columns. None means that no column has the role.

    Attributes:
        prompt: The text that the model is asked.
        target: What the scorer compares with.
        identity: A column with a different value in each row.
        options: The options of a choice.
        image: Images next to the data, or in it.
        cluster: The source that rows share.
        tags: Columns of short labels.
        is_code: Whether the rows are code tasks in HumanEval's form.
        has_image_urls: Whether the images are addresses.
        conversations: Columns of recorded conversations, which the key `messages` sends as turns.
    """

    prompt: str | None
    target: str | None
    identity: str | None
    options: str | None
    image: str | None
    cluster: str | None
    tags: tuple[str, ...]
    is_code: bool
    has_image_urls: bool = False
    conversations: tuple[str, ...] = ()


def guess_roles(rows: Sequence[Row], base: Path) -> ColumnRoles:
    """Return the role of each column that every row has.

    Args:
        rows: The first rows of the data.
        base: Folder that image paths are relative to.
    """
    columns = [name for name in rows[0] if all(name in row for row in rows)]
    is_code = set(columns) >= _CODE_COLUMNS
    free = list(columns)
    kinds = {name: column_kind(rows, name, base) for name in columns}

    def take(role: str, is_suitable: Callable[[str], bool] = lambda _: True) -> str | None:
        found = _pick(free, role, is_suitable)
        if found is not None:
            free.remove(found)
        return found

    identity = take("id", lambda name: _are_ids(rows, name))
    question_and_answer = {name.casefold(): name for name in free if name.casefold() in {"q", "a"}}
    image = take("image", lambda name: _are_images(rows, name, base) or kinds[name] == "image_url")
    if image is None:
        image = next((name for name in free if kinds[name] in {"image", "image_url"}), None)
        free = [name for name in free if name != image]
    options = take("options")
    cluster = take("cluster", lambda name: _are_labels(rows, name))
    target = None if is_code else take("target")
    conversations = tuple(name for name in columns if kinds[name] == "conversation")

    def is_prompt(name: str) -> bool:
        # Beside conversations a `statusMessage` is no prompt, but a `question` is.
        is_named = not conversations or "_".join(_name_words(name)) in _WORDS["prompt"]
        return is_named and _are_texts(rows, name) and kinds[name] not in _NO_PROMPT

    prompt = take("prompt", is_prompt)
    if prompt is None and target is None and len(question_and_answer) == 2:
        prompt, target = question_and_answer["q"], question_and_answer["a"]
        free = [name for name in free if name not in {prompt, target}]
    if identity is None:
        identity = next((name for name in free if _role(name) is None and _look_like_codes(rows, name)), None)
        free = [name for name in free if name != identity]
    if prompt is None and not conversations:
        prompt = _most_like_sentences(rows, [name for name in free if kinds[name] not in _NO_PROMPT])
    tags = [name for name in free if name != prompt and _role(name) == "tag" and _are_labels(rows, name)]
    has_urls = image is not None and kinds[image] == "image_url"
    return ColumnRoles(
        prompt, target, identity, options, image, cluster, tuple(tags), is_code, has_urls, conversations
    )


def _name_words(name: str) -> list[str]:
    """Return the words of a column's name in lower case, divided by blanks, punctuation, camelCase and a change of script."""
    words, last = [""], ""
    for character in unicodedata.normalize("NFC", name):
        is_word = unicodedata.category(character)[0] in "LMN"
        is_hump = character.isupper() and (last.islower() or last.isdecimal())
        changes_script = bool(last) and is_word and _is_alphabetic(character) != _is_alphabetic(last)
        if not is_word or is_hump or changes_script:
            words.append("")
        words[-1] += character if is_word else ""
        last = character if is_word else ""
    return [word.casefold() for word in words if word]


def _is_alphabetic(character: str) -> bool:
    """Return whether a character is of a script with words between blanks, rather than of Chinese, Japanese or Thai."""
    name = unicodedata.name(character, "")
    return not name.startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR"))


def _role(name: str) -> str | None:
    """Return the role that a name tells: the whole name, else its last word that tells one."""
    words = _name_words(name)
    for role, known in _WORDS.items():
        if " ".join(words) in known or "_".join(words) in known:
            return role
    for part in (
        [word for word in words if word not in _GENERIC_WORDS],
        [word for word in words if word in _GENERIC_WORDS],
    ):
        for word in reversed(part):
            found = _role_of_word(word)
            if found is not None:
                return found
    return None


def _role_of_word(word: str) -> str | None:
    """Return the role of a word; in a script without blanks, of the last known word in it, as 番号 in 質問番号."""
    ends = {
        (word.rfind(known) + len(known), len(known)): role
        for role, all_known in _WORDS.items()
        for known in all_known
        if known not in _WHOLE_NAMES_ONLY
        and (known == word or (len(known) > 1 and not _is_alphabetic(known[0]) and known in word))
    }
    return ends[max(ends)] if ends else None


def _pick(columns: Sequence[str], role: str, is_suitable: Callable[[str], bool]) -> str | None:
    """Return the column of a role: one with the clearest exact name, else the first whose name tells the role."""
    exact = {"_".join(_name_words(column)): column for column in reversed(columns)}
    candidates = [exact[word] for word in _WORDS[role] if word in exact]
    candidates += [column for column in columns if _role(column) == role and column not in candidates]
    return next((column for column in candidates if is_suitable(column)), None)


def _values(rows: Sequence[Row], column: str) -> list[Any]:
    return [row[column] for row in rows if row[column] not in (None, "")]


def _are_texts(rows: Sequence[Row], column: str) -> bool:
    return all(isinstance(row[column], (str, int, float, type(None))) for row in rows)


def _are_ids(rows: Sequence[Row], column: str) -> bool:
    values = [str(value).strip() for value in _values(rows, column)]
    return len(set(values)) == len(rows) and "" not in values


def _look_like_codes(rows: Sequence[Row], column: str) -> bool:
    """Return whether a column that no name tells is an id: different in each of several rows, and a code with digits."""
    values = [str(value).strip() for value in _values(rows, column)]
    is_code = all(_CODE_LIKE.fullmatch(value) and re.search(r"\d", value) for value in values)
    return len(rows) > 1 and is_code and _are_ids(rows, column) and len(set(map(len, values))) <= 3


def _most_like_sentences(rows: Sequence[Row], columns: Sequence[str]) -> str | None:
    """Return the text column with the most sentences, the longest of equals. None if no column has one in half its rows."""

    def rank(column: str) -> tuple[int, int]:
        texts = [str(value) for value in _values(rows, column)]
        return sum(map(_is_sentence, texts)), sum(map(len, texts))

    texts = [column for column in columns if all(isinstance(row[column], str) for row in rows)]
    best = max(texts, key=rank, default=None)
    return best if best is not None and 2 * rank(best)[0] >= len(rows) else None


def _is_sentence(text: str) -> bool:
    has_letter = any(character.isalpha() for character in text)
    return has_letter and _CODE_LIKE.fullmatch(text.strip()) is None


def _are_images(rows: Sequence[Row], column: str, base: Path) -> bool:
    given = next((found for row in rows if (found := list_images(row[column]))), None)
    try:
        return given is not None and bool(read_image(given[0], base))
    except ImageError:
        return False


def _are_labels(rows: Sequence[Row], column: str) -> bool:
    values = [row[column] for row in rows if row[column] is not None]
    return bool(values) and all(isinstance(v, (str, int)) and len(str(v)) <= 40 for v in values)
