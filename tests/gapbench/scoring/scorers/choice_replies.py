"""Replies to multiple-choice questions, built so that it is known which option each one chooses.

{X} is the option that the reply chooses, {Y} and {Z} are others; a reply in ``UNDECIDED`` chooses none. Every form is
filled with every letter from A to J, so a form that reads for one letter must read for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LETTERS = "ABCDEFGHIJ"
OPTIONS = (
    "mercury", "silver wire", "a copper coin", "the lead pipe", "iron ore", "zinc plate", "tin foil", "a gold ring",
    "platinum", "nickel alloy",
)  # fmt: skip


class Reply(NamedTuple):
    """One reply.

    Attributes:
        text: What the model says.
        chosen: The letter that it chooses, or None.
        form: The form that it was made from.
    """

    text: str
    chosen: str | None
    form: str


STATED = (
    "{X}", "{X}.", "({X})", "{X})", "[{X}]", "**{X}**", "*{X}*", "`{X}`", '"{X}"', "'{X}'", "“{X}”", "«{X}»", "「{X}」", "【{X}】", "（{X}）",
    "__{X}__", "**({X})**", "**{X}.**", "**{X})**", "{X}:", "${X}$", "\\({X}\\)", "$\\mathrm{{{X}}}$", "$\\text{{{X}}}$", "$\\mathbf{{{X}}}$", "$\\textbf{{({X})}}$",
    "\\text{{{X}}}", "\\boxed{{{X}}}", "$\\boxed{{{X}}}$", "\\boxed{{\\mathrm{{{X}}}}}", "\\boxed{{\\text{{({X})}}}}", "\\boxed{{\\textbf{{{X}}}}}", "\\fbox{{{X}}}", "\\boxed {X}", "$$\\boxed{{\\mathbf{{({X})}}}}$$",
    "option {X}", "Option {X}", "Option ({X})", "choice {X}", "letter {X}", "the letter {X}", "{X} - {x}", "{X}. {x}", "{X}) {x}", "({X}) {x}", "{X}: {x}", "**{X}. {x}**", "{X} ({x})", "{x} ({X})", "{X} {x}",
)  # fmt: skip
"""How an option is written."""

FRAMES = (
    "{S}", "\n\n{S}", "Answer: {S}", "answer: {S}", "ANSWER: {S}", "**Answer:** {S}", "**Answer**: {S}", "Answer:\n{S}", "Answer:\n\n{S}", "Answer - {S}", "Answer = {S}", "Final Answer: {S}",
    "The answer is {S}", "The answer is: {S}", "The correct answer is {S}", "The final answer is {S}", "Therefore, the answer is {S}", "So the correct option is {S}", "My answer is {S}", "I think the answer is {S}",
    "The best choice is {S}", "Correct answer: {S}", "Correct option: {S}", "#### {S}", "## Answer\n\n{S}", "### Final answer\n{S}", "> Answer: {S}", "- Answer: {S}", "Solution: {S}", "Choice: {S}", "Ans: {S}",
    "We weigh every option in turn.\n\nAnswer: {S}", "Reasoning: the others do not conduct.\nAnswer: {S}", "Answer: {S}\n\nReasoning: the others do not conduct.", "Answer: {S}\n\nHope this helps!", "Answer: {S}\n\nLet me know if you have any other question.",
)  # fmt: skip
"""Where an option is stated; each with a few of :data:`STATED`."""

SENTENCES = (
    "{X} is correct.", "{X} is the right answer.", "{X} is the correct option.", "{X} is right because it melts first.", "{X} is clearly the best answer.", "{X} fits best.", "{X} must be the answer.", "{X} must be right.",
    "{X} would be the best choice.", "{X} is the only one that works.", "{X} is the best option here, by far.", "({X}) is correct.", "Option {X} is correct.", "Option {X} is the best answer since it melts first.", "Only {X} fits.", "Only {X} is correct.",
    "The answer is {X} because it melts first.", "The answer is {X} since it melts first.", "The answer is {X} as it melts first.", "The answer is {X} with high confidence.", "The answer is {X} for that reason.", "The answer is {X} and the rest are wrong.", "The correct answer is {X} and not {Y}.",
    "The correct answer is {X}, not {Y}.", "The answer is {X}, while {Y} is wrong.", "The answer is {X}; {Y} and {Z} are wrong.", "The answer is {X}. {Y} is wrong.", "The answer is {X}, {Y} and {Z} are wrong.", "The answer is clearly {X}.", "The answer is most likely {X}.", "The answer is probably {X}.",
    "The answer must be {X}.", "The answer should be {X}.", "The answer would be {X}.", "The correct answer would be {X}.", "The answer has to be {X}.", "The answer can only be {X}.", "The right choice is option {X}.", "The correct letter is {X}.", "The answer to the question is {X}.", "The answer to this question, I believe, is {X}.",
    "The option that fits is {X}.", "Therefore {X} is the answer.", "Therefore, {X} is correct.", "Thus {X}.", "Hence, {X}.", "So {X}.", "So, {X} it is.", "{X} it is.", "{X}, because it melts first.", "{X} because it melts first.", "{X}, since it melts first.",
    "It is {X}.", "It's {X}.", "It has to be {X}.", "It must be {X}.", "It can only be {X}.", "It should be {X}.", "I choose {X}.", "I would choose {X}.", "I'd choose {X}.", "I'll go with {X}.", "I will go with {X}.", "I'm going with {X}.", "I'd say {X}.", "I would say {X}.", "I pick {X}.", "I select option {X}.", "I think it is {X}.", "I believe it's {X}.", "I am sure that it is {X}.",
    "My pick is {X}.", "My choice is {X}.", "My final choice: {X}", "My best guess is {X}.", "That leaves {X}.", "This leaves us with {X}.", "We are left with {X}.", "Only {X} remains.", "{X} remains.", "{Y} is wrong, so the answer must be {X}.", "{Y} is incorrect, so {X} is correct.", "{Y} is wrong. {Z} is wrong. So {X}.",
    "{Y} would be too soft. That leaves {X}.", "{Y} would be too soft, which leaves {X}.", "{Y} and {Z} are wrong, so it must be {X}.", "{Y} and {Z} can be ruled out. The answer is {X}.", "We can eliminate {Y} and {Z}. Therefore, {X}.", "Eliminating {Y} and {Z} leaves {X}.", "Ruling out {Y}, we get {X}.",
    "{Y} is incorrect because it is soft.\n{Z} does not apply.\nTherefore the correct option must be {X}, clearly.", "Not {Y} but {X}.", "Not {Y}, but {X}.", "It is not {Y} but {X}.", "It's not {Y}, it's {X}.", "The answer is not {Y} but {X}.", "The answer is not {Y}, it is {X}.", "The answer isn't {Y}. It's {X}.", "The answer is {X}, instead of {Y}.", "The answer is {X} rather than {Y}.",
    "I first thought {Y}, but it is {X}.", "I first thought it was {Y}, but it is {X}.", "At first I thought the answer was {Y}, but the answer is {X}.", "Initially {Y} seems right, but {X} is correct.", "At first glance {Y} looks right, but the answer is {X}.", "One might think the answer is {Y}, but it is {X}.", "You might choose {Y}, but the correct answer is {X}.", "Many would say {Y}; the answer is {X}.",
    "The answer is {Y}. Wait, no, the answer is {X}.", "The answer is {Y}. Wait, that's wrong. It's {X}.", "Answer: {Y}\n\nWait, that is a mistake. Actually {X}.", "Answer: {Y}. Actually, {X}.", "Answer: {Y}\nCorrection: {X}", "The answer is {Y}... no, wait, {X}.", "{Y}. Sorry, I mean {X}.", "Answer: {Y}\nNo, on second thought, {X} is correct.", "{Y}? No. {X}.", "Is it {Y}? No. It is {X}.", "Could it be {Y}? No, {Y} is too soft. So it is {X}.",
    "It is not the case that {Y} is correct; {X} is.", "I don't think the answer is {Y}. I think the answer is {X}.", "I doubt that {Y} is correct. {X} is correct.", "There is no doubt that the answer is {X}.", "There is no doubt that {X} is correct.", "It can't be anything other than {X}.", "It cannot be anything but {X}.", "None other than {X} is correct." , "All options are wrong except {X}.", "All except {X} are wrong.", "Every option but {X} is wrong.",
    "Neither {Y} nor {Z} is correct. The answer is {X}.", "{Y} is not wrong in itself, but the best answer is {X}.", "While {Y} is tempting, {X} is correct.", "Although {Y} is partially right, the best answer is {X}.", "{X} is correct, although {Y} is close.", "{X} is better than {Y}.", "{X} is more accurate than {Y}.", "{X} is a better fit than {Y}.", "If it were liquid, {Y} would be correct. But it is solid, so {X} is correct.", "If it were liquid, the answer would be {Y}. It is solid, so the answer is {X}.",
    "Suppose the answer is {Y}. Then it would float. So the answer is {X}.", "Let's assume it is {Y}. That fails. So it must be {X}.", "The answer must be {Y} or {X}. {Y} is too soft. So the answer is {X}.", "It is either {Y} or {X}. Since {Y} floats, it is {X}.", "Between {Y} and {X}, the better one is {X}.", "{Y} or {X}? The answer is {X}.", "{X} is the answer; I considered {Y} as well.",
    "Conclusion: ({X}). Eliminated: ({Y}), ({Z}).", "Eliminated: {Y}, {Z}. Conclusion: {X}", "Incorrect: {Y}, {Z}\nCorrect: {X}", "{Y}: incorrect\n{X}: correct\n{Z}: incorrect", "{Y}) wrong\n{X}) right\n{Z}) wrong", "- {Y}: ❌\n- {X}: ✅\n- {Z}: ❌", "✅ {X}\n❌ {Y}\n❌ {Z}", "{Y} ✗\n{X} ✓\n{Z} ✗", "| {Y} | no | wrong |\n| {X} | yes | correct |\n| {Z} | no | wrong |", "[ ] {Y}\n[x] {X}\n[ ] {Z}",
    "I'm not sure, but I think {X}.", "I'm not sure, but my guess is {X}.", "Hard to tell. I lean towards {X}.", "It is likely {X}.", "Probably {X}.", "Perhaps {X}.", "The answer might be {X}.", "It could be {X}.",
    "{X} is not incorrect.", "The metal that melts first is {X}.", "the answer is {l}", "answer: {l}", "answer: ({l})", "({l})", "{l})", "{l}", "{l}.", "**{l}**", "the correct option is {l}.", "the answer is {l} because it melts first", "Ａｎｓｗｅｒ：{W}", "{W}", "（{W}）", "答案：{W}",
    '{{"answer": "{X}"}}', '{{"answer": "{X}", "confidence": 0.9}}', '```json\n{{"answer": "{X}"}}\n```', '{{"reasoning": "{Y} is wrong, {Z} too.", "answer": "{X}"}}', '{{"answer": "{X}", "reasoning": "{Y} is the answer only if it is liquid."}}', '{{"final_answer": "{X}"}}', '{{"choice": "({X})"}}', '{{"Answer": "{X}. {x}"}}', '{{"result": {{"answer": "{X}"}}}}', '{{"answer": ["{X}"]}}', "{{'answer': '{X}'}}", 'Here you go:\n```json\n{{\n  "explanation": "It melts first.",\n  "answer": "{X}"\n}}\n```\nDone.',
    "<answer>{X}</answer>", "<answer>\n{X}\n</answer>", "<answer>({X})</answer>", "<final_answer>{X}. {x}</final_answer>", "<reasoning>{Y} is wrong.</reasoning><answer>{X}</answer>", "<choice>{X}</choice>", "<b>{X}</b>", "<p>The answer is <strong>{X}</strong>.</p>", "[ANSWER]{X}[/ANSWER]", "[[{X}]]", "<<{X}>>", "{{{X}}}",
    "Answer: {X}\n\nQuestion: Which metal is liquid?\nAnswer: {Y}", "The answer is {X}.\n\nQ: Which metal is liquid?\nA: The answer is {Y}.",
    "The answer is {x}.", "It must be {x}.", "{x} is correct.", "So it is {x}.", "I choose {x}.", "Answer: {x}", "{x}", "**{x}**", "{y} is wrong, so the answer must be {x}.", "Not {y} but {x}.", "I first thought {y}, but it is {x}.", "\\boxed{{\\text{{{x}}}}}", '{{"answer": "{x}"}}',
    "1. {Y} floats.\n2. {Z} is soft.\n3. {X} melts first.\n\nAnswer: {X}", "Let's go through them.\n\n{Y}) {y}: too soft.\n{X}) {x}: melts first. This is the correct answer.\n{Z}) {z}: floats.", "{X}) {x}\n\n{Y}) {y} is wrong because it floats.\n{Z}) {z} is wrong because it is soft.", "**{X}. {x}**\n\nWhy not the others:\n- **{Y}. {y}**: floats\n- **{Z}. {z}**: soft",
    "The second statement is true.\n\nAnswer: {X}", "Vitamin A and plan B are beside the point. The answer is {X}.", "A good question! The answer is {X}.", "I will explain. A metal melts when heated. I know that this one melts first. {X}", "A metal such as this melts first. I would therefore say {X}.",
)  # fmt: skip

UNDECIDED = (
    "{X} or {Y}", "Answer: {X} or {Y}", "The answer is {X} or {Y}.", "The answer is either {X} or {Y}.", "Answer: {X}/{Y}", "Answer: {X}, {Y}", "Answer: {X} and {Y}", "Both {X} and {Y} are correct.", "{X} and {Y} are both right.", "({X}) or ({Y})", "It could be {X} or {Y}.", "I can't decide between {X} and {Y}.", "\\boxed{{{X}, {Y}}}", '{{"answer": ["{X}", "{Y}"]}}',
    "It is not {X}.", "The answer is not {X}.", "{X} is wrong.", "{X} is incorrect.", "I don't think the answer is {X}.", "Neither {X} nor {Y} is correct.", "{X} can be ruled out.", "Not {X}.", "{X} is wrong and {Y} is wrong.", "We can eliminate {X} and {Y}.",
    "Let us consider {X} first.", "Is it {X} or {Y}?", "A: {y}\nB: {z}" , "{X} is plausible and so is {Y}.", "A metal melts when it is heated.", "I do not know.", "I cannot answer this question.", "I'm sorry, but I can't help with that.", "As an AI, I have no opinion.", "None of the options is correct.", "All of the above.", "Answer: all of the above", "Answer: none of the above", "Answer: unknown", "Answer:", "The answer is", "The answer is unclear.",
    "A) mercury\nB) silver wire\nC) a copper coin\nD) the lead pipe\nE) iron ore\nF) zinc plate\nG) tin foil\nH) a gold ring\nI) platinum\nJ) nickel alloy", "The options are A) mercury, B) silver wire and C) a copper coin.", "Options A, B, C and D are given.", "Each of A to J is a metal.", "I think that a metal melts. A pipe is heavy.", "Vitamin B and hepatitis C are unrelated.",
)  # fmt: skip
"""Forms without an answer."""

LANGUAGES: dict[str, tuple[str, ...]] = {
    "German": ("Antwort: {X}", "Die Antwort ist {X}.", "Die richtige Antwort ist {X}.", "Die richtige Antwort lautet {X}.", "{X} ist richtig.", "{X} ist die richtige Antwort.", "{Y} ist falsch, also ist die Antwort {X}.", "Nicht {Y}, sondern {X}.", "Daher ist Option {X} korrekt.", "**Lösung:** {X}", "Ich wähle {X}."),
    "Spanish": ("Respuesta: {X}", "La respuesta es {X}.", "La respuesta correcta es {X}.", "La respuesta correcta es la opción {X}.", "La respuesta correcta es la {X}.", "{X} es correcta.", "{X} es la respuesta correcta.", "{Y} es incorrecta. Por lo tanto, la respuesta es {X}.", "No es {Y}, sino {X}.", "Elijo {X}."),
    "French": ("Réponse : {X}", "Réponse: {X}", "La réponse est {X}.", "La bonne réponse est {X}.", "La bonne réponse est la {X}.", "La réponse correcte est {X}.", "{X} est correcte.", "{X} est la bonne réponse.", "{Y} est fausse, donc la réponse est {X}.", "Ce n'est pas {Y}, mais {X}.", "Je choisis {X}."),
    "Italian": ("Risposta: {X}", "La risposta è {X}.", "La risposta corretta è {X}.", "La risposta corretta è la {X}.", "La risposta giusta è l'opzione {X}.", "{X} è corretta.", "{X} è la risposta corretta.", "{Y} è sbagliata, quindi la risposta è {X}.", "Non {Y}, ma {X}.", "Scelgo {X}."),
    "Portuguese": ("Resposta: {X}", "A resposta é {X}.", "A resposta correta é {X}.", "A resposta correta é a letra {X}.", "A alternativa correta é a {X}.", "{X} é a resposta correta.", "{Y} está errada, portanto a resposta é {X}.", "Não é {Y}, mas {X}.", "Escolho {X}.", "Gabarito: {X}"),
    "Dutch": ("Antwoord: {X}", "Het antwoord is {X}.", "Het juiste antwoord is {X}.", "Het juiste antwoord is optie {X}.", "{X} is juist.", "{Y} is fout, dus het antwoord is {X}.", "Niet {Y} maar {X}."),
    "Swedish": ("Svar: {X}", "Svaret är {X}.", "Rätt svar är {X}.", "Det rätta svaret är {X}.", "{X} är rätt.", "{Y} är fel, så svaret är {X}.", "Inte {Y} utan {X}."),
    "Norwegian": ("Svar: {X}", "Svaret er {X}.", "Riktig svar er {X}.", "Det riktige svaret er {X}."),
    "Danish": ("Svar: {X}", "Svaret er {X}.", "Det rigtige svar er {X}."),
    "Finnish": ("Vastaus: {X}", "Vastaus on {X}.", "Oikea vastaus on {X}."),
    "Polish": ("Odpowiedź: {X}", "Odpowiedź to {X}.", "Poprawna odpowiedź to {X}.", "Prawidłowa odpowiedź to {X}.", "Poprawną odpowiedzią jest {X}.", "{Y} jest błędna, więc odpowiedź to {X}.", "Nie {Y}, lecz {X}."),
    "Czech": ("Odpověď: {X}", "Odpověď je {X}.", "Správná odpověď je {X}."),
    "Russian": ("Ответ: {X}", "Ответ — {X}.", "Правильный ответ: {X}.", "Правильный ответ — {X}.", "Верный ответ: {X}", "{X} — правильный ответ.", "{Y} неверно, поэтому ответ {X}.", "Не {Y}, а {X}.", "Выбираю {X}.", "Вариант {X} верный."),
    "Ukrainian": ("Відповідь: {X}", "Правильна відповідь: {X}.", "Правильна відповідь — {X}."),
    "Turkish": ("Cevap: {X}", "Cevap {X}.", "Doğru cevap: {X}", "Doğru cevap {X}'dir.", "Doğru cevap {X} şıkkıdır.", "Doğru yanıt {X}."),
    "Vietnamese": ("Đáp án: {X}", "Đáp án là {X}.", "Đáp án đúng là {X}.", "Câu trả lời đúng là {X}."),
    "Indonesian": ("Jawaban: {X}", "Jawabannya adalah {X}.", "Jawaban yang benar adalah {X}.", "Jadi, jawabannya adalah {X}."),
    "Arabic": ("الإجابة: {X}", "الجواب: {X}", "الإجابة هي {X}.", "الإجابة الصحيحة هي {X}.", "الإجابة الصحيحة هي ({X}).", "لذلك، الإجابة هي {X}."),
    "Hebrew": ("התשובה: {X}", "התשובה היא {X}.", "התשובה הנכונה היא {X}."),
    "Hindi": ("उत्तर: {X}", "सही उत्तर {X} है।", "सही उत्तर: {X}", "इसलिए, सही उत्तर {X} है।", "सही विकल्प {X} है।", "उत्तर: ({X})"),
    "Bengali": ("উত্তর: {X}", "সঠিক উত্তর: {X}", "উত্তরঃ {X}", "সঠিক উত্তর হল {X}।"),
    "Greek": ("Απάντηση: {X}", "Η απάντηση είναι {X}.", "Η σωστή απάντηση είναι {X}."),
    "Romanian": ("Răspuns: {X}", "Răspunsul corect este {X}."),
    "Hungarian": ("Válasz: {X}", "A helyes válasz: {X}"),
    "Chinese": ("答案：{X}", "答案: {X}", "答案是{X}。", "答案是 {X}。", "答案为{X}", "正确答案是{X}。", "正确答案：{X}", "正确答案为：{X}", "答案選{X}", "选{X}", "故选{X}。", "所以选{X}。", "因此，正确答案是{X}。", "因此选择{X}。", "综上所述，答案是{X}。", "{X}是正确的。", "{X}选项正确。", "{X}正确。", "选项{X}正确。", "{Y}错误，所以答案是{X}。", "不是{Y}，而是{X}。", "【答案】{X}", "{Y}不对，{Z}不对，所以选{X}。", "本题选{X}。", "我认为答案是{X}。", "答：{X}"),
    "Japanese": ("答え：{X}", "答え: {X}", "答えは{X}です。", "答えは {X} です。", "正解は{X}です。", "正解：{X}", "正解は「{X}」です。", "したがって、答えは{X}です。", "{X}が正解です。", "{X}が正しいです。", "{Y}は間違いなので、答えは{X}です。", "{Y}ではなく{X}です。", "解答：{X}", "選択肢{X}が正解です。", "よって、正解は{X}である。", "{X}を選びます。"),
    "Korean": ("정답: {X}", "정답은 {X}입니다.", "정답은 {X}이다.", "답: {X}", "답은 {X}입니다.", "따라서 정답은 {X}입니다.", "{X}가 정답입니다.", "{X}번이 정답입니다.", "{Y}는 틀렸으므로 정답은 {X}입니다.", "{Y}가 아니라 {X}입니다.", "정답은 ({X})입니다."),
    "Thai": ("คำตอบ: {X}", "คำตอบคือ {X}", "คำตอบที่ถูกต้องคือ {X}", "ตอบ {X}", "ดังนั้นคำตอบคือ {X}", "ข้อ {X} ถูกต้อง"),
}  # fmt: skip


def _fill(form: str, at: int) -> str:
    a, b, c = at, (at + 3) % 10, (at + 7) % 10
    letter = LETTERS[a]
    return form.format(
        X=letter, Y=LETTERS[b], Z=LETTERS[c], x=OPTIONS[a], y=OPTIONS[b], z=OPTIONS[c], l=letter.lower(), W=chr(ord(letter) + 0xFEE0)
    )  # fmt: skip


def built_replies() -> Iterator[Reply]:
    """Yield every reply: each form with each letter."""
    framed = [
        frame.replace("{S}", style)
        for number, frame in enumerate(FRAMES)
        for style in STATED[number % 3 :: 3]
    ]
    chosen = [
        *framed,
        *SENTENCES,
        *listed_forms("+"),
        *(form for forms in LANGUAGES.values() for form in forms),
    ]
    for form in chosen:
        for at in range(10):
            yield Reply(_fill(form, at), LETTERS[at], form)
    for form in (*UNDECIDED, *listed_forms("-")):
        for at in range(10):
            yield Reply(_fill(form, at), None, form)


def listed_forms(sign: str) -> list[str]:
    """Return the forms of ``replies/forms.tsv``: with the sign + those that choose {X}, with - those that choose none."""
    lines = (Path(__file__).parent / "replies" / "forms.tsv").read_text(encoding="utf-8").splitlines()
    return [
        form.replace("\\n", "\n")
        for kind, _, form in (line.partition("\t") for line in lines)
        if kind == sign
    ]
