"""What words mean for a reader of multiple-choice answers, in many languages.

Each word or phrase has one meaning, written as one character, so that a sentence becomes a short string that a regular
expression can match. Phrases are lower case and separated by commas.
"""

from __future__ import annotations

import re
from functools import lru_cache

MEANINGS = {
    "n": "noun for the answer",
    "O": "noun for several answers or options",
    "o": "noun for one option",
    "=": "copula",
    "m": "modal or auxiliary verb",
    "j": "modal verb of mere possibility",
    "!": "negation before what it negates",
    "z": "negation after what it negates",
    "p": "right, best",
    "x": "wrong, excluded",
    "v": "verb of fitting",
    "y": "verb of describing, which states fitting together with 'best' or 'correctly'",
    "R": "remains",
    "c": "verb of choosing",
    "e": "verb of excluding",
    "E": "instead of",
    "D": "doubt: negates what follows",
    "k": "verb of thinking or saying",
    "s": "word that draws a conclusion",
    "|": "or",
    "&": "and",
    "w": "word that corrects what came before",
    "t": "word of a hypothesis, an example or a first impression",
    "l": "partly, also: weakens a claim",
    "h": "adverb that changes nothing",
    "u": "word before a subordinate or compared part",
    "b": "but",
    "r": "because",
    "d": "preposition",
    "g": "indefinite article",
    "f": "word that changes nothing",
    "i": "it, this, that",
    "a": "all, every, none",
    "A": "anything",
    "q": "except",
    "Y": "yes",
    "Z": "makes, before an option and what it is made",
    "S": "so is: repeats a claim for another option",
}

PHRASES = {
    "n": """odd one out, odd man out, odd one, exception, outlier, intruder, intrus, intruso, intrusa, außenseiter, buitenbeentje, answer, solution, result, response, verdict, conclusion, ans, answer key, final answer, answer letter,
        answer choice, answer option, correct_answer, final_answer, my pick, pick, selection, guess, final, finale,
        antwort, lösung, ergebnis, lösungsbuchstabe, endgültige antwort, respuesta, solución, réponse, reponse,
        solution finale, risposta, soluzione, resposta, solução, gabarito, vastaus on, vaihtoehto on, odpowiedź to, odpowiedzią jest, odpowiedź brzmi, antwoord, oplossing, svar, svaret, svarsalternativ,
        vastaus, odpowiedź, odpowiedzią, odpowiedz, rozwiązanie, odpověď, odpoveď, ответ, ответом, решение, відповідь,
        cevap, yanıt, cevabı, cevabım, yanıtı, đáp án, câu trả lời, trả lời, jawaban, jawabannya, jawapan, kunci jawaban,
        الإجابة, الاجابة, إجابة, اجابة, الجواب, جواب, الحل, پاسخ, جواب صحیح, התשובה, תשובה, उत्तर, जवाब, उत्तरः,
        উত্তর, উত্তরঃ, απάντηση, răspuns, răspunsul, válasz, megoldás, vastus, atsakymas, atbilde, cavab, jibu, பதில், விடை, సమాధానం,
        ಉತ್ತರ, ഉത്തരം, જવાબ, جواب درست, odgovor, отговор, svarið""",
    "O": """answers, solutions, options, choices, alternatives, letters, candidates, possibilities, statements, answer choices, answer options,
        antworten, optionen, antwortmöglichkeiten, respuestas, opciones, réponses, les options, opzioni, risposte, opções,
        respostas, alternativas, варианты, ответы, вариантов, opcje, odpowiedzi, alternativen, antwoorden, opties, seçenekler, şıklar""",
    "o": """alternativ, alternatief, mulighed, muligheden, svaralternativet, valgmulighed, valgmuligheden, chaguo, herufi, sentence, claim, option, choice, letter, alternative, candidate, statement, item, opt, possibility, one, option letter, buchstabe,
        antwortmöglichkeit, auswahl, möglichkeit, opción, letra, inciso, literal, alternativa, lettre, choix, proposition, opzione, lettera, scelta,
        opção, item correto, optie, keuze, alternativet, bokstav, bokstaven, valg, vaihtoehto, kirjain, opcja, opcją, litera, wariant, możnost, možnost,
        вариант, варианта, вариантом, буква, пункт, варіант, seçenek, şık, şıkkı, şıkkıdır, şıkkıdir, seçeneğidir, seçeneği, harf, phương án, lựa chọn, chữ, opsi, pilihan, huruf,
        الخيار, خيار, الاختيار, الحرف, حرف, گزینه, האפשרות, אפשרות, विकल्प, বিকল্প, επιλογή, varianta, opțiunea, litera corectă, lehetőség, betű, vali""",
    "=": """is, are, was, be, being, been, equals, equal, corresponds to, correspond to, matches option, which corresponds to, refers to, means, amounts to, seems to be,
        appears to be, turns out to be, comes out to be, seems like, seems, appears, looks, looked, feels, sounds, looks like, s'agit de, il s'agit de, sia, s, am ehesten, ist, lautet, sind, wäre, war, heißt, entspricht, es, son, sería, seria, sera, será, fue, est, sont, serait, était, c'est, correspond à, corresponde a,
        è, sono, sarebbe, e', corrisponde a, é, são, era, foi, is dus, zijn, luidt, är, er, lyder, ovat, jest, są, brzmi, je, jsou, это, является, будет, есть, є, це,
        olur, dir, dır, dur, dür, tir, tır, tur, tür, là, adalah, ialah, yaitu, هي, هو, يكون, تكون, است, می‌باشد, היא, הוא, זה, है, हैं, होगा, হল, হলো, হবে, হচ্ছে, είναι, este, sunt, az, yra, ir""",
    "m": """would have to, would, must, should, will, shall, can, do, does, did, has to, have to, had to, got to, needs to, need to, ought to, has got to, is supposed to, muss, müsste, sollte, kann, wird, würde,
        debe, debe ser, debería, tiene que, puede, doit, devrait, peut, deve, dovrebbe, può, dev'essere, pode, deveria, tem que, moet, kan, zou, måste, bör, må, skal, skulle, musi, powinien, powinna, powinno, может,
        должен, должна, должно, быть, ser, sein, être, essere, zijn moet, być, wezen, vara, være, olla, phải, pasti, harus, يجب, يجب أن, أن, चाहिए, olmalı, olmalıdır, trebuie""",
    "j": "could, might, may, could possibly, könnte, podría, pourrait, potrebbe, poderia, zou kunnen, kunde, kunne, może, мог, могла, могло, mungkin, có thể, قد, शायद",
    "!": """not, never, neither, nor, cannot, no, hardly, nicht, kein, keine, weder, noch nicht, non, pas, ne, ni, né, neanche, não, nem, nunca, niet, geen, noch, inte, ikke, ei, eivät, nie,
        ani, не, ни, нет, ні, ikinci değil, không, không phải, không phải là, bukan, bukanlah, tidak, ليس, ليست, لا, غير, نیست, לא, δεν, nu, nem, nu este""",
    "z": "değil, değildir, नहीं, नहीं है, না, নয়, नाहीं, değillerdir",
    "p": """sahihi, what i would choose, what i choose, what we want, what we need, what we are looking for, more likely, likelier, more plausible, more appropriate, more suitable, correctly, correct, right, best, accurate, valid, appropriate, suitable, proper, ideal, preferred, better, more precise, more complete, more comprehensive, more logical, more sensible, most complete, most precise, most comprehensive, most logical, most sensible, true, most likely, likeliest, most plausible, plausible one, most appropriate, most accurate,
        most suitable, most reasonable, the winner, winner, final, solid, perfect, superior, closest, consistent, stronger, strongest, richtig, richtige, richtigen, richtiger, korrekt, korrekte, korrekten, wahr, zutreffend, passt, stimmt, beste, besten, correcta,
        correcto, verdadera, verdadero, cierta, mejor, adecuada, acertada, correcte, juste, bonne, bon, vraie, vrai, exacte, exact, meilleure, meilleur, corretta, corretto, giusta, giusto, esatta,
        esatto, vera, migliore, correta, certa, certo, verdadeira, melhor, adequada, juist, juiste, goed, goede, correctie, rätt, riktig, riktige, korrekta, rigtig, rigtige, rette, oikea, oikein, paras, poprawna, poprawną, poprawny,
        prawidłowa, prawidłową, prawidłowy, właściwa, najlepsza, správná, správně, správné, správna, правильный, правильная, правильное, правильно, правильным, верный, верная, верное, верно, верным, верен, верна, правильна, правильною, вірна, doğru, doğrudur, doğrusu,
        đúng, đúng nhất, chính xác, benar, tepat, betul, الصحيحة, الصحيح, صحيحة, صحيح, صواب, صحیح, درست, הנכונה, נכונה, נכון, सही, ठीक, সঠিক, ঠিক, σωστή, σωστό, corect, corectă, corecta, helyes, õige, teisinga, pareizi, correcteur, täpne""",
    "x": """makosa, wrong, incorrect, false, invalid, inaccurate, inappropriate, unsuitable, implausible, impossible, eliminated, excluded, discarded, ruled out, rejected, out, irrelevant, unlikely,
        less likely, less, too, worse, inferior, inconsistent, mistaken, weaker, off, nonsense, untrue, misleading, incomplete, a distractor, distractor, distractors, falsch, falsche, falschen, inkorrekt, unzutreffend, ausgeschlossen, incorrecta, incorrecto, incorrectas, incorrectos, falsa,
        falso, falsas, equivocada, descartada, errónea, fausse, faux, fausses, incorrecte, incorrectes, inexacte, exclue, éliminée, sbagliata, sbagliato, errata, scorretta, incorreta, incorretas, errada, erradas, errado, fout, onjuist, verkeerd, fel, felaktig,
        feil, forkert, gal, väärä, väärin, błędna, błędne, niepoprawna, nieprawidłowa, fałszywa, špatně, špatná, nesprávná, неверный, неверная, неверно, неверен, неверна, неверны, неправильный, неправильная, неправильно, неправильны,
        неправильна, ошибочный, ошибочен, хибна, yanlış, yanlıştır, hatalı, sai, không đúng, salah, keliru, خاطئة, خاطئ, خطأ, غير صحيح, غير صحيحة, نادرست, غلط, שגויה, שגוי, לא נכון, गलत, ग़लत, ভুল,
        λάθος, λανθασμένη, greșit, greșită, incorectă, helytelen, rossz, vale""",
    "v": "wins, makes the most sense, make the most sense, fits, fit, fitting, matches, match, works, work, makes sense, make sense, applies, apply, satisfies, satisfy, meets, suits, convient, passt am besten, satisface, soddisfa, подходит, подходят, pasuje, passer",
    "y": "describes, explains, answers, captures, reflects, represents, addresses, states, identifies, corresponds, aligns, completes, follows, beschreibt, describe, décrit, descrive, descreve, описывает",
    "R": "remains, remaining, is left, stays, is the only one left, is what remains, is all that remains, bleibt, bleibt übrig, queda, reste, resta, rimane, остаётся, остается, pozostaje, jää, återstår",
    "Z": "makes, make, making, renders, machen, macht, rend, hace, fa",
    "S": "so is, so are, so does, so do",
    "c": """vote, you get, choose, chose, chosen, choosing, pick, picked, picking, select, selected, selecting, selects, go with, going with, went with, go for, going for, opt for, opting for, vote for, settle on, settling on, settle for, lean towards, leaning towards, lean toward,
        lean to, leans towards, leave, leaves, leaving, left with, leaves us with, leaves me with, leaving us with, leave us with, points to, point to, points towards, points toward, points at, answering, favor, favour, prefer, we get, we obtain, gives us, arrive at, arrives at, end up with, ends up with, bet on, betting on, i'd bet on, mark, marking, stick with, sticking with, staying with, stay with, submit,
        narrows down to, comes down to, concluding, commit to, wähle, wählen, nehme, entscheide mich für, tippe auf, bleibt nur, elijo, elegir, escojo, escoger, selecciono, elegiría, opto por, me quedo con, queda, choisis, choisir, je choisis, opte pour, scelgo, scegliere, sceglierei, escolho, escolher, escolheria, marco, fico com,
        kies, kiezen, väljer, välja, velger, vælger, valitsen, wybieram, wybrać, zaznaczam, vybírám, выбираю, выбрать, выбираем, выберем, остаётся только, остается только, обираю, seçiyorum, seçerim, işaretliyorum, chọn, pilih, memilih, أختار, اختر, نختار, انتخاب می‌کنم, בוחר, चुनता, चुनती, चुनें, επιλέγω, aleg, választom""",
    "e": """eliminate, eliminates, eliminating, exclude, excludes, excluding, rule out, rules out, ruling out, ruled out, discard, discards, discarding, reject, rejects, rejecting, dismiss, dismissing, cross out, crossing out, get rid of, throw out, strike out,
        ausschließen, ausgeschlossen werden, descarto, descartar, descartamos, excluimos, élimine, éliminer, exclure, écarter, escludo, escludere, escludiamo, elimino, excluir, descartamos a, исключаем, исключить, wykluczam, wykluczyć, uitsluiten, utesluta, utelukke, loại, loại bỏ""",
    "E": "instead of, rather than, unlike, as opposed to, contrary to, anstatt, anstelle von, statt, en lugar de, en vez de, au lieu de, plutôt que, invece di, anziché, em vez de, вместо, zamiast, in plaats van, snarare än, thay vì, bukannya, in place of",
    "k": """sagen, dire, decir, dizer, think, thought it was, believe, believes, say, saying, says, feel, conclude, find, sure, know, am, confident, am confident, am sure, am certain, hold, suggest, suggests, suggesting, indicate, indicates, argue, propose, reckon, conclude that, would say, guess, determine, see, admit, figure, expect, understand, agree, confirm, deduce, infer, answer with, respond with, have, doubtful,
        denke, glaube, meine, sage, creo, pienso, diría, considero, opino, je pense, pense, crois, dirais, penso, credo, direi, acho, acredito, diria, denk, geloof, tror, mener, luulen, myślę, uważam, sądzę, думаю, считаю, полагаю, вважаю, düşünüyorum, sanırım, inanıyorum, nghĩ, tin, rasa, pikir, أعتقد, أظن, लगता, मानता""",
    "D": "doubt, disagree, not the case that, not true that, not so that, bezweifle, dudo, doute, dubito, duvido, сомневаюсь, wątpię, betwijfel, tvivlar",
    "s": """so, thus, therefore, hence, consequently, accordingly, ergo, as a result, finally, in conclusion, to conclude, overall, in summary, in short, all in all, this means, which means, that means, meaning, i.e., i.e, ie, namely, that is, in other words, giving, which gives, yielding, lastly, ultimately, given this, given that, in the end, it follows that, on reflection, on balance, after all, with that,
        daher, deshalb, somit, folglich, demnach, also ist, also ergibt sich, mithin, damit, insgesamt, por lo tanto, por tanto, así que, entonces, en conclusión, luego, por ende, en consecuencia, donc, par conséquent, ainsi, en conclusion, c'est pourquoi, quindi, dunque, pertanto, perciò, in conclusione, di conseguenza, portanto, logo, assim, então, em conclusão, por isso, dus, daarom, derhalve, därför, alltså, således, derfor, altså, siis, joten, näin ollen, więc, zatem, dlatego, czyli, stąd, tedy, proto, takže,
        поэтому, следовательно, значит, итак, таким образом, отсюда, в итоге, тому, отже, bu nedenle, bu yüzden, dolayısıyla, sonuç olarak, o halde, yani, vậy, do đó, vì vậy, vì thế, như vậy, jadi, maka, oleh karena itu, dengan demikian, لذلك, إذن, إذا, وبالتالي, بالتالي, ومن ثم, لذا, بنابراین, לכן, ולכן, इसलिए, अतः, तो, সুতরাং, তাই, άρα, επομένως, συνεπώς, deci, prin urmare, tehát, ezért""",
    "|": "or, versus, vs, oder, ou, или, або, veya, ya da, lub, albo, eller, tai, hoặc, atau, أو, או, या, বা, अथवा, sau, vagy, nebo, ή, ή και",
    "&": "and, plus, as well as, along with, und, sowie, et, och, og, och även, и, та, ve, ile, và, dan, و, ו, और, তথা, এবং, oraz, en, ja, și, και, y",
    "w": """or rather, wait, hold on, scratch that, correction, on second thought, on second thoughts, oops, my mistake, my bad, i mean, sorry, apologies, let me reconsider, let me re-check, let me recheck, let me double-check, let me rethink, upon reflection, upon closer inspection, upon rechecking, upon review, rethinking, i was wrong, i made a mistake, i made an error, i misread, actually, edit, strike that, no wait, hmm, changing my answer, i change my answer,
        moment, halt, eigentlich, korrektur, doch, nein, espera, un momento, mejor dicho, en realidad, corrección, me equivoqué, attendez, attends, en fait, rectification, erratum, je me trompe, aspetta, anzi, in realtà, correzione, aliás, na verdade, correção, подождите, стоп, на самом деле, поправка, точнее, wacht, eigenlijk, correctie, vänta, faktiskt, vent, czekaj, właściwie, w rzeczywistości, poprawka, bekle, aslında, düzeltme, khoan, thực ra, tunggu, sebenarnya, انتظر, في الواقع, रुको, वास्तव में""",
    "t": """was going to, was about to, was inclined to, was tempted, was leaning, was leaning towards, was thinking of, was initially, was originally, was first, had first, had initially, had originally, would have said, would have chosen, would have picked, would have gone, had picked, had chosen, my gut said, nearly, almost said, almost chose, almost picked, nearly chose, nearly picked, wollte schon, wollte erst, wollte zuerst, hätte fast, iba a, estuve a punto, j'allais, allais dire, stavo per, ia dizer, ia escolher, wilde eerst, wilde eigenlijk, tänkte först, ville først, хотел, хотела, собирался, chciałem, chciałam, if, suppose, supposing, assume, assuming, let us say, let us assume, let us suppose, let us try, let us check, let us consider, let us test, let us look at, let us, consider, considered, imagine, unless, were it, had it, provided that, in case, initially, at first, at first glance, first thought, first instinct, first impression, first guess, original answer, first answer, previous answer, my first answer, my initial answer, initial answer, initial guess, initial thought, originally, previously, earlier, first i thought, tempting to, tempted to, might think, may think, could think, one might, one may, one could, some might, some may, some would, some say, some people, many people, many, most people, most students, students, people, someone, a student, you might, you may, you could, might be tempted, may be tempted,
        could argue, might argue, mistake is, a common mistake, common mistake, common error, common misconception, misconception, trap, tricky, looks like at first, thought, whether, for example, e.g., e.g, for instance, such as, like, between, torn between, hypothetically, would have been, would have, debate, evaluate, evaluating, examine, examining, test, testing, check, checking, compare, look at, looking at, starting with, start with, let me start with, depends on, choose between, anders als bei,
        wenn, falls, angenommen, zuerst dachte, zuerst, zunächst, anfangs, auf den ersten blick, dachte, ob, zwischen, si, supongamos, al principio, a primera vista, inicialmente, pensé, pensaba, entre, d'abord, au début, à première vue, supposons, je pensais, se, all'inizio, a prima vista, inizialmente, supponiamo, pensavo, tra, no início, à primeira vista, suponha, pensei, если, сначала, предположим, на первый взгляд, думал, между, сперва, als, eerst, op het eerste gezicht, stel, dacht, tussen, om, först, vid första anblicken, jeśli, początkowo, najpierw, na pierwszy rzut oka, między, eğer, ilk başta, önce, nếu, ban đầu, jika, awalnya, kalau, إذا كان, لو, في البداية, अगर, यदि, पहले""",
    "l": "partially, partly, somewhat, also, equally, technically, superficially, sometimes, only partially, half, nearly, almost, close, plausible, possible, reasonable, tempting, attractive, teilweise, parcialmente, partiellement, en partie, parzialmente, частично, częściowo, gedeeltelijk, delvis, kısmen, một phần, sebagian, viable",
    "h": """more, fairly, pretty, secondo me, meiner meinung nach, en mi opinión, à mon avis, na minha opinião, both, on the other hand, in contrast, by contrast, in this case, in this context, in my opinion, in my view, to me, for me, as a matter of fact, without question, by far, maybe, perhaps, possibly, probably, likely, presumably, surely, certainly, clearly, definitely, obviously, indeed, simply, just, only, really, very, most, quite, apparently, evidently, undoubtedly, necessarily, precisely, exactly, most likely, most probably, in fact, of course, again, still, now, then, here, alone, once again, most definitely, without doubt, without a doubt, no doubt, instead, probably just, well, okay, ok, alright, hereby, sure enough, confidently, straight away, eventually,
        vermutlich, wahrscheinlich, sicher, eindeutig, klar, natürlich, nur, wohl, demzufolge, probablemente, claramente, solo, sólo, quizás, seguramente, probablement, clairement, seulement, certainement, évidemment, bien, sans doute, probabilmente, chiaramente, solo la, forse, provavelmente, claramente a, apenas, talvez, вероятно, очевидно, скорее всего, именно, только, точно, конечно, явно, waarschijnlijk, duidelijk, alleen, förmodligen, antagligen, bara, sannolikt, prawdopodobnie, tylko, oczywiście, muhtemelen, kesinlikle, chắc chắn, có lẽ, chỉ, pasti nya, tentu, hanya, على الأرجح, فقط, शायद ही, केवल""",
    "u": """although, though, even though, even if, while, whereas, despite, in spite of, than, compared to, compared with, obwohl, obgleich, während, aunque, mientras que, mientras, bien que, alors que, quoique, tandis que, sebbene, anche se, benché, mentre, embora, enquanto, do que, хотя, тогда как, чем, hoewel, terwijl, dan ook, även om, medan, selv om, mens, chociaż, podczas gdy, niż, rağmen, mặc dù, trong khi, meskipun, walaupun, sedangkan, على الرغم, رغم, हालांकि, जबकि""",
    "b": "but, however, yet, nevertheless, nonetheless, aber, sondern, jedoch, pero, sino, sino que, sin embargo, mais, cependant, toutefois, ma, bensì, però, tuttavia, mas, porém, no entanto, e sim, но, однако, а, maar, echter, men, utan, mutta, vaan, ale, lecz, jednak, tylko że, ama, fakat, ancak, nhưng, mà, mà là, tapi, tetapi, melainkan, namun, لكن, ولكن, بل, אבל, אלא, लेकिन, बल्कि, किन्तु, কিন্তু, αλλά, dar, ci, hanem",
    "r": """because, since, as, because of, due to, for the reason, reason, reasoning, explanation, justification, given, by virtue of, denn, weil, da, begründung, erklärung, porque, ya que, pues, puesto que, dado que, explicación, parce que, puisque, explication, perché, poiché, in quanto, dato che, spiegazione, pois, já que, uma vez que, explicação, потому, потому что, так как, поскольку, ведь, объяснение, omdat, uitleg, eftersom, för att, därför att, fordi, koska, sillä, ponieważ, bo, gdyż, wyjaśnienie, protože, çünkü, açıklama, vì, bởi vì, do, giải thích, karena, sebab, penjelasan, لأن, لأنه, لأنها, حيث, क्योंकि, কারণ, γιατί, επειδή, deoarece, pentru că, mert""",
    "d": "with, without, of, in, on, at, by, from, to, for, into, per, based on, according to, among, under, over, following, mit, von, bei, für, auf, aus, nach, con, de, del, en, por, para, avec, du, des, au, aux, dans, sur, da, nel, per, com, em, no, na, met, van, med, av, i, w, z, na pytanie, с, в, на, из, для, bei der, bu, của, dari, من, في, का, की, के, को, में, से, প্রশ্নের",
    "g": "an, ein, eine, einen, un, una, une, uno, um, uma, een, en, ett, et, egy",
    "f": """none other than, the, my, your, our, their, its, his, these, those, this question, the question, question, us, me, you, we, they, he, she, myself, ich, wir, mich, mir, there, here's, der, die, das, dem, den, des, meine, mein, unsere, frage, auf die frage, el, la, los, las, lo, mi, nuestra, esta, yo, pregunta, le, les, ma, mon, notre, la question, question posée, l, il, gli, mia, io, domanda, o, os, as, ao, minha, eu, pergunta, à, de, det, den här, min, mitt, jeg, jag, vi, frågan, hon, mój, moja, moim, to jest, pytanie, pytania, мой, моя, наш, вопрос, вопроса, я, мы, bu sorunun, sorunun, benim, ben, của câu, câu hỏi, tôi, là đáp, saya, pertanyaan, ini, أنا, على, السؤال, प्रश्न, मेरा, मैं, इस, का सही, এই, ची, η, το, o, este varianta, a, het, de juiste, mijn, ik, vraag, se olisi, dass, daß, que, che, что, że, at, dat, att, rằng, bahwa, कि, follows, as follows, below, labeled, labelled, letter choice, number, no., nr., nr, numéro, número, key, sir, please, being the, none other, multiple choice, following one, own, single, only one, one that, personal, above, given question, listed, provided, finalized, last, first""",
    "i": "it, that, this, which, what, dies, das ist, dieses, es ist, eso, esto, ello, cela, ça, ce, questo, quello, ciò, isso, isto, ele, это же, dat, dit, detta, dette, se on, to jest to, bu, đó, đây, itu, هذا, هذه, यह, वह",
    "a": "all, every, none, nothing, each, everything, all of them, all of these, all others, the others, others, rest, the rest, every other, all other, no other, no one, none of them, alle, alle anderen, todas, todos, toutes, tous, tutte, tutti, todas as, все, wszystkie, semua, tất cả, جميع, सभी",
    "A": "anything, any other, anyone, any, something",
    "q": "with the exception of, the exception of, mit ausnahme von, à l'exception de, con la excepción de, a excepción de, ad eccezione di, com exceção de, except, except for, other than, apart from, aside from, save for, besides, but for, außer, excepto, salvo, menos, sauf, excepté, tranne, eccetto, exceto, кроме, behalve, förutom, oprócz, poza, hariç, ngoại trừ, trừ, kecuali, إلا, ما عدا, सिवाय",
    "Y": "yes, ja, sí, oui, sì, sim, да, tak, evet, có, ya, نعم, हाँ, हां",
}  # fmt: skip

UNSPACED_PHRASES = {
    "n": "最终答案, 最終答案, 正确答案, 正確答案, 参考答案, 标准答案, 答案, 答复, 回答, 答え, 答, 解答, 最終回答, 結論, 结论, 정답, 답변, 답안, 답, 최종 답, 결론, คำตอบ, ตอบ, 应选, 應選, 本题",
    "o": "选项, 選項, 選択肢, 选择项, 项, 項, 번, 번째, 보기, 선택지, 문항, ข้อ, ตัวเลือก, 番",
    "O": "各选项, 各選項, 其他选项, 其它选项, 其余选项, 其他選項, 他の選択肢, 나머지",
    "=": "应该是, 應該是, 应为, 應為, 应当是, 就是, 即为, 即, 是, 为, 為, です, である, でしょう, だ, となります, になります, となる, は, 이다, 입니다, 이며, 이고, 이에요, 예요, 은, 는, คือ, เป็น, 属于, 屬於, 即是, 当属",
    "!": "不是, 并非, 並非, 不选, 不能选, ไม่ใช่, 不能是",
    "z": "でもなく, でもなくて, でもない, 도 아니고, 도 아니며, 아니고, 아니며, ではなく, ではない, ではありません, じゃない, でない, 가 아니라, 이 아니라, 아니라, 이 아닌, 가 아닌, 아닌, 아닙니다, 아니다, 이 아니고",
    "p": "正确的, 正确, 正確, 最合适, 最合適, 最符合, 最佳, 最恰当, 最准确, 符合题意, 符合题目, 符合, 合适, 对的, 正しい, 正解, 最も適切, 適切, 最適, 当てはまる, 옳은, 옳다, 옳습니다, 맞습니다, 맞다, 맞는, 올바른, 올바르다, 올바릅니다, 적절한, 적절합니다, 정확한, 정확합니다, ถูกต้องที่สุด, ถูกต้อง, ถูก",
    "x": "옳지 않은, 적절하지 않은, 맞지 않는, 맞지 않은, 일치하지 않는, 해당하지 않는, 알맞지 않은, 올바르지 않은, 해당되지 않는, 不属于, 不屬於, 有误, 有誤, 正しくない, 適切でない, 当てはまらない, 一致しない, 含まれない, 誤っている, 間違っている, 異なる, 不正确的, 不正确, 不正確, 错误的, 错误, 錯誤, 都错, 不对, 不對, 不符合, 不合适, 不符, 错, 錯, 間違い, 間違っています, 誤り, 誤っています, 不適切, 不正解, 当てはまりません, 틀린, 틀렸습니다, 틀렸다, 틀립니다, 틀리다, 틀림, 오답, 잘못된, 맞지 않습니다, 적절하지 않습니다, 옳지 않습니다, ไม่ถูกต้อง, ผิด",
    "c": "选择, 選擇, 应选择, 选, 選, 選びます, 選ぶ, 選択します, 을 선택합니다, 를 선택합니다, 선택합니다, 선택, 고르겠습니다, 골라, เลือก, 剩下, 只剩下, 只剩, 残るは, 남는 것은",
    "e": "排除, 淘汰, 除外, 제외, 제거, ตัด",
    "k": "认为, 認為, 我认为, 我認為, 觉得, 我觉得, と思います, と考えます, 思います, 생각합니다, 생각한다, คิดว่า",
    "s": "因此, 所以, 综上所述, 綜上所述, 综上, 綜上, 由此可见, 由此, 故, 最终, 总之, 于是, したがって, 従って, よって, ゆえに, つまり, 以上より, なので, そのため, ですから, 따라서, 그러므로, 그래서, 즉, 결국, 그러니까, ดังนั้น, เพราะฉะนั้น, สรุป, 那么",
    "|": "或者, 或是, 还是, 或, または, もしくは, か, 또는, 혹은, 이나, 나, หรือ",
    "&": "以及, 和, 与, 與, 及, 跟, と, や, および, 및, 와, 과, และ, 、",
    "w": "等等, 等一下, 不对，, 实际上, 實際上, 其实, 更正, 待って, いや, 実は, 訂正, 실제로는, 잠깐, 잠시만, 아니, 정정, เดี๋ยวก่อน, จริงๆ แล้ว",
    "t": "本来想, 原本想, 本想, 一开始以为, 最初は, はじめは, 初めは, 원래는, 원래, 처음, 如果, 假设, 假如, 起初, 最初, 一开始, 乍一看, 首先, 一見, もし, 仮に, 当初, 만약, 만일, 처음에는, 처음엔, 언뜻, 가정, ถ้า, หาก, ตอนแรก",
    "u": "虽然, 雖然, 尽管, 而, だが, けれども, 一方, 비록, 반면, 보다, 比, แม้ว่า",
    "b": "而是, 但是, 但, 不过, 然而, しかし, でも, 하지만, 그러나, 그런데, แต่",
    "r": "因为, 因為, 由于, 由於, 解析, 理由, 原因, 解释, なぜなら, から, ので, 解説, 왜냐하면, 이유, 설명, 해설, 때문, เพราะ, เนื่องจาก",
    "h": "最, 可能, 应该, 應該, 显然, 顯然, 只有, 唯一, 都, 均, 也, 很, 明显, おそらく, たぶん, 明らかに, だけ, のみ, 아마, 분명히, 만, 모두, 가장, ที่สุด",
    "f": "的, 了, 本題, 此题, 这道题, 这题, 题, 我的, 我, 该, 該, 这个, 在, 吧, 呢, 第, な, の, が, を, に, で, も, 私の, 私は, この, 問題, こと, 者, 을, 를, 가, 이, 의, 제, 저는, 나의, 문제, 것, 로, 으로, ที่, นี้, ของ, ข้อที่, นั้น",
    "q": "以外, 除了, を除いて",
    "R": "残ります, 残る, 남습니다, 남는다",
}  # fmt: skip

UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3100-\u312f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
"""Scripts whose words are not separated by spaces, as the inside of a character class; Korean's endings are joined."""

MAX_PHRASE_WORDS = 5


def _phrase_table() -> dict[tuple[str, ...], str]:
    table: dict[tuple[str, ...], str] = {}
    for meaning, phrases in PHRASES.items():
        for phrase in phrases.split(","):
            words = tuple(phrase.casefold().split())
            if words:
                table.setdefault(words, meaning)
    return table


PHRASE_TABLE = _phrase_table()
FIRST_WORDS = frozenset(words[0] for words in PHRASE_TABLE)

_UNSPACED_TABLE = {
    phrase.strip(): meaning
    for meaning, phrases in UNSPACED_PHRASES.items()
    for phrase in phrases.split(",")
    if phrase.strip()
}
UNSPACED_PATTERN = "|".join(re.escape(p) for p in sorted(_UNSPACED_TABLE, key=len, reverse=True))


@lru_cache(maxsize=4096)
def unspaced_meaning(phrase: str) -> str:
    """Return the meaning of a phrase that :data:`UNSPACED_PATTERN` matched."""
    return _UNSPACED_TABLE[phrase]


def phrase_meaning(words: list[str], start: int) -> tuple[str, int]:
    """Return the meaning of the longest known phrase at ``start`` and its number of words; unknown words mean "W"."""
    if words[start] in FIRST_WORDS:
        for length in range(min(MAX_PHRASE_WORDS, len(words) - start), 0, -1):
            meaning = PHRASE_TABLE.get(tuple(words[start : start + length]))
            if meaning is not None:
                return meaning, length
    return "W", 1
