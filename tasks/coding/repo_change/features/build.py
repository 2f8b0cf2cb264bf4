"""Features of the build tool."""

from __future__ import annotations

from random import Random
from typing import Any

LOADS = {"app": "makeplan.app", "patterns": "makeplan.patterns"}
SOURCES = ("main.c", "util.c", "lib/io.c", "lib/sub/net.c", "doc.txt")
ODD = (
    "what", "> touch x", ": b", "a b = c", "a: b\n> touch a\na: c\n> touch a", "a: a", "x: y\ny: x", "app: none.q", "A = $(A)\n$(A): b", "A = $(word 0,a)\n$(A): b", "A = $(patsubst a,b)\nc: $(A)", "A = $(B\nc: $(A)", "a:\n> jump", "a:\n> rm nil", "a:\n> fail now", "a:\n> touch",
    "a:\n> tool none 1 2", "a:\n> tool x", "A = $(if a)\nb: $(A)", "A = one \\\n two\na:\n> echo $(A) \\# x # y", "a: main.c # remark\n> echo $< $^ $? $* $$", "", "%.x: %.y", "A = $(tool none,1,2)\na: $(A)", "= 5", " := 5\na:\n> echo $(A)", "A=1\nA+=2\nA?=3\nB?=4\nC:=$(A)\na:\n> echo $(A) $(B) $(C)", "a:X=1\na:b\n> echo $(X)", "a: X:=$$q\nX := $$(b)\na:\n> echo $(X)", "X := $$(b)\na: Y = 1\na:\n> echo $(X)$(Y)", "a: | b doc.txt\n> echo $| $^", "a: b doc.txt\n> touch a\n> echo $^ $? $|",
    "ifeq (  $(A) , )\na:\n> echo x\nendif", "ifeq (a,b))\nendif", "ifeq a,b\nendif", "ifeq(a,a)\na:\n> echo y\nendif", "ifneq (a,b\nendif", "a: b |doc.txt\n> echo $<$|", " a  :  b  |  doc.txt  \n> echo $<$|.",
)  # fmt: skip
EXPRESSIONS = (
    "$(filter-out %.c,a.c b.h c.c)", "$(suffix a.c b/x.tar.gz c)", "$(basename a.c b/x.tar.gz c)", "$(dir a b/c d/e/f)", "$(addprefix p/,a b)$(addsuffix .q,a b)", "$(word 2,a b c)$(word 9,a)", "$(strip  a   b )", "$(sort b a c a)", "$(patsubst %.c,o/%.o,a.c b/c.c d.h)",
    "$(words $(SRC))", "$(notdir $(SRC))", "$(if $(NONE),x,$(SRC))", "$(if  ,x)", "$A$(A)$$(A)", "$(filter a% %c,abc xc ab b)", "$(patsubst x,y,x xx)", "$(if x,a,b,c)",
)  # fmt: skip


def files(r: Random) -> dict[str, int]:
    """Return files with times."""
    found = {name: r.randint(1, 9) for name in SOURCES if r.random() < 0.9}
    for name in ("main.o", "util.o", "lib/io.o", "lib/sub/net.o", "app", "out", "gen.c"):
        if r.random() < 0.35:
            found[name] = r.randint(1, 9)
    return found


def rules(r: Random) -> list[str]:
    """Return rules of the first version."""
    lines = [
        "SRC = main.c util.c" + r.choice([" lib/io.c", " lib/io.c lib/sub/net.c", ""]),
        "OBJ = $(patsubst %.c,%.o,$(SRC))",
        f"FLAGS = {r.choice(['-O1', '$(MORE) -g', ''])}",
    ]
    lines += [r.choice(["MORE = 7", "MORE = $(if $(X),x,y)", "X = 1"])]
    lines += ["app: $(OBJ)" + r.choice(["", " gen.c", " doc.txt"]), "> touch $@", "> echo link $^ $(FLAGS)"]
    lines += ["%.o: %.c", "> touch $@", "> echo compile $< to $@ stem $* $(FLAGS)"]
    lines += r.choice(
        [
            ["gen.c: doc.txt", "> touch gen.c"],
            ["gen.c:", "> echo gen", "> touch $@"],
            ["gen.%: doc.txt", "> touch gen.$*", "> echo stem $*"],
        ]
    )
    if r.random() < 0.4:
        lines += r.choice(
            [
                ["lib/%.o: lib/%.c", "> echo lib $*", "> touch $@"],
                ["util.o: doc.txt"],
                ["main.o: gen.c util.c"],
                ["lib/sub/%.o: doc.txt", "> touch $@", "> echo sub $*"],
                ["m%.o: %.txt", "> touch $@"],
                ["%t.o: %t.c", "> touch $@", "> echo net $*"],
            ]
        )
    return lines


def built(r: Random, more: list[str], goals: tuple[str, ...] = (), tail: str = "") -> str:
    """Return the call of a build with rules of the feature."""
    lines = rules(r)
    lines[r.choice([3, 4, 4]) : 4] = []
    text = "\n".join([*lines, *more]) if r.random() < 0.7 else "\n".join([*lines[:3], *more, *lines[3:]])
    return f"app.build({text!r}, {files(r)!r}, {[*goals]!r}{tail})"


def odd_calls() -> list[str]:
    """Return builds of each odd text, and each expression."""
    there = {"main.c": 3, "b": 2, "doc.txt": 4}
    calls = [f"app.build({text!r}, {there!r})" for text in ODD]
    return calls + [
        f"app.expand({'SRC = main.c lib/io.c' + chr(10) + 'A = 3'!r}, {expression!r})"
        for expression in EXPRESSIONS
    ]


def common(r: Random) -> str:
    """Return a call about what was there before."""
    roll = r.random()
    if roll < 0.2:
        return f"app.build({r.choice(ODD)!r}, {files(r)!r})"
    if roll < 0.4:
        return f"app.expand({chr(10).join(rules(r)[:4])!r}, {r.choice(EXPRESSIONS)!r})"
    if roll < 0.5:
        return f"app.tree({chr(10).join(rules(r))!r}, {files(r)!r}, {r.choice(['app', 'gen.c', 'main.o', 'nil'])!r})"
    goals = r.choice(
        [(), (), ("main.o",), ("gen.c", "app"), ("lib/io.o",), ("nil",), ("lib/sub/net.o", "util.o")]
    )
    return built(r, [], goals)


def stems(r: Random) -> str:
    """Return a question to patterns, or a build with folders."""
    name = r.choice(["main.o", "lib/io.o", "lib/sub/net.o", "a/b/c/x.o", "x.o", "o/.o", "lib/o"])
    pattern = r.choice(["%.o", "lib/%.o", "%o.o", "lib/sub/%.o", "n%", "main.o", "%", "i%.o"])
    roll = r.random()
    if roll < 0.3:
        return f"[patterns.stem_of({pattern!r}, {name!r}), patterns.filled({r.choice(['%.c', 'src/%.c', 'fix.c', 'pre%.c'])!r}, {r.choice(['main', 'lib/io', 'lib/sub/net', 'a/b'])!r})]"
    more = r.choice(
        [
            [],
            ["n%.o: n%.c", "> touch $@", "> echo n $*"],
            ["lib/%.o: lib/%.c", "> touch $@", "> echo lib $*"],
            ["%t.o: %t.c", "> touch $@", "> echo t $*"],
        ]
    )
    return built(r, more, r.choice([(), ("lib/io.o",), ("lib/sub/net.o",)]))


def flavours(r: Random) -> str:
    """Return a question to variables of all kinds."""
    names = ("A", "B", "C", "FLAGS")
    lines = []
    for _ in range(r.randint(3, 9)):
        value = r.choice(
            [
                "1",
                "x y",
                "$(A)",
                "$(B) z",
                "$(C)$(A)",
                "",
                "$(words $(A))",
                "$(if $(B),b,)",
                "$$A",
                "$(FLAGS)",
            ]
        )
        lines.append(f"{r.choice(names)} {r.choice(['=', ':=', '?=', '+=', '+=', ':='])} {value}")
    text = "\n".join(lines)
    if r.random() < 0.7:
        return f"app.expand({text!r}, '$(A)|$(B)|$(C)|$(FLAGS)')"
    return f"app.build({text + chr(10) + 'a: $(A)' + chr(10) + '> echo $(B) $(FLAGS)' + chr(10) + lines[0] + chr(10) + '1 x y z:' + chr(10) + '> touch $@'!r}, {files(r)!r})"


def only_rules(r: Random) -> str:
    """Return a build or tree with files that must only exist."""
    more = r.choice(
        [
            ["app: | out", "out:", "> touch out"], ["main.o: | out gen.c", "out: doc.txt", "> touch out", "> echo $|"], ["%.o: %.c | out", "> touch $@", "> echo $^ bar $|", "out:", "> touch out"], ["app: | main.o out", "out: | doc.txt", "> touch $@"],
            ["app: out | out util.o", "out:", "> touch out"], ["app: | nil"], ["lib/%.o: | out", "> touch $@", "> echo $< $|", "out:", "> touch out"], ["out: | app", "> touch out", "app: | out"], ["D = out | doc.txt", "app: $(D)", "out:", "> touch out"], ["util.o: util.c | main.o", "main.o: main.c | out", "out: gen.c", "> touch out"],
        ]
    )  # fmt: skip
    if r.random() < 0.25:
        return f"app.tree({chr(10).join(rules(r) + more)!r}, {files(r)!r}, {r.choice(['app', 'out', 'main.o'])!r})"
    return built(r, more, r.choice([(), (), ("out",), ("main.o", "app")]))


def phony(r: Random) -> str:
    """Return a build with targets that are no files, and commands that may fail."""
    more = r.choice(
        [
            [".PHONY: all clean", "all: app clean", "clean:", "> -rm app", "> @echo cleaned"], [".PHONY: out", "out: gen.c", "> touch out", "app: out"], ["main.o: main.c", "> @touch $@", "> -fail here", "> -@fail there", "> @ - echo ok"],
            ["main.o: main.c", "> fail $@"], ["util.o:", "> touch util.o", "> rm nil", "> echo never"], [".PHONY: test", "test: app", "> @echo run", "other: main.o", "> touch other", "util.o:", "> fail"], [".PHONY: ghost", "app: ghost", "ghost:"], [".PHONY: ghost", "app: ghost"],
            ["NAME = all", ".PHONY: $(NAME)", "$(NAME): gen.c main.o", "gen.c:", "> jump"], [".PHONY: main.o"], ["lib/io.o:", "> fail deep", "out: lib/io.o", "> touch out"], [".PHONY: all", "all: out main.o util.o", "out:", "> fail one", "main.o: out", "util.o:", "> @-fail two", "> touch $@"],
        ]
    )  # fmt: skip
    goals = r.choice(
        [(), (), ("all",), ("out", "app"), ("test", "other"), ("clean",), ("main.o", "util.o", "gen.c")]
    )
    return built(r, more, goals, r.choice(["", ", keeps_going=True", ", True"]))


def scoped(r: Random) -> str:
    """Return a build with conditions and with variables of targets."""
    lines = []
    for _ in range(r.randint(1, 4)):
        target = r.choice(["app", "main.o", "util.o", "app gen.c", "$(OBJ)", "nil"])
        lines.append(
            f"{target}: {r.choice(['FLAGS', 'FLAGS', 'MORE', 'X'])} {r.choice(['=', '+=', ':=', '?='])} {r.choice(['-g', '$(MORE)2', '$(FLAGS2)', 'z', '$(X)', ''])}"
        )
    test = r.choice(
        [
            "ifeq ($(X),1)",
            "ifneq ($(X),1)",
            "ifeq ($(MORE),)",
            "ifeq ($(words $(SRC)),2)",
            "ifneq (a,a)",
            "ifeq ($(if $(X),a,b), a )",
        ]
    )
    branch = r.choice(
        [
            "FLAGS += extra",
            "FLAGS = other",
            "app: doc.txt",
            "main.o: FLAGS += in",
            "SRC = main.c",
            "gen.c: FLAGS := $(MORE)",
        ]
    )
    other = r.choice(["FLAGS = no", "X = 5", "util.o: FLAGS = else", "out:\n> touch out"])
    nested = (
        f"{test}\n{branch}\n"
        + r.choice(["", f"else\n{other}\n", f"ifeq ($(X),1)\n{other}\nelse\n{branch}\nendif\n"])
        + "endif"
    )
    at = r.randint(0, len(lines))
    lines[at:at] = nested.split("\n")
    if r.random() < 0.12:
        lines = r.choice(
            [
                ["ifeq (a,b)"],
                ["endif"],
                ["else"],
                ["ifeq a b", "endif"],
                ["ifeq (a)", "endif"],
                ["ifeq (a,a)", "else", "else", "endif"],
                ["ifneq (a,b)", "> touch x", "endif"],
                ["app: a b = c"],
                ["ifeq (a,b)", "X = 1", "endif", "> echo x"],
            ]
        )
    lines += ["gen.c: doc.txt", "> touch gen.c", "> echo gen $(FLAGS) $(X)"] if r.random() < 0.3 else []
    text_rules = rules(r)
    if "gen.c: doc.txt" in lines:
        text_rules = [line for line in text_rules if "gen" not in line and line != "> touch gen.$*"]
    text = (
        "\n".join([*text_rules[:4], *lines, *text_rules[4:]])
        if r.random() < 0.6
        else "\n".join([*text_rules, *lines])
    )
    return f"app.build({text!r}, {files(r)!r}, {r.choice([[], [], ['main.o', 'app'], ['gen.c', 'util.o'], ['app', 'main.o']])!r})"


EMPTY_TEXTS = (
    "app.build('ifeq (,$(X))\\nA = none\\nelse\\nA = some\\nendif\\na:\\n> echo $(A)', {}, ['a'])",
    "app.build('X = 1\\nifneq (,$(X))\\nA = some\\nendif\\na:\\n> echo $(A)', {}, ['a'])",
)
"""Conditions whose first text is empty."""


def features(make: Any) -> list[Any]:
    """Return the features."""
    return [
        make(2, "stem", 4, (
            "Pattern rules do not work in folders. `%.o: %.c` should make `lib/sub/net.o` from `lib/sub/net.c`, but the build says that there is no rule. A pattern without a slash fits the last part of a name; all folders in front, however many, belong to the stem (`lib/sub/net`), and they come to the front again where the stem is put into a pattern without a slash. "
            "A pattern that has a slash itself is compared with the whole name, as now."
        ), ("patterns.filled('%.c', 'lib/sub/net')", "patterns.stem_of('%.o', 'a/b/c.o')", "patterns.filled('pre%.c', 'a/b')", "patterns.stem_of('a/%.o', 'a/b/c.o')", "patterns.stem_of('ab%ba', 'aba')", "patterns.stem_of('ab%ba', 'abcba')", "patterns.filled('src/%.c', 'a/b')"), stems),
        make(4, "flavours", 3, (
            "Add the other signs of variables. `A := text` expands the text once, where it stands; the result is not expanded again where A is used (a `$$` that became `$` stays). `A ?= text` does something only where A does not exist yet; it then is like `=`. `A += text` adds the text behind what A holds, with one space between; an empty side adds no space. If A was set by `:=`, the added "
            "text is expanded at once, else with the rest where A is used; where A does not exist, it is like `=`. `=` after `:=` makes A an ordinary variable again. The name may be written with or without spaces before the sign."
        ), (), flavours),
        make(6, "orderonly", 3, (
            "Add files that must only exist: in `app: main.o | out`, and in pattern rules, what stands behind the bar is brought up to date before the target, after what stands before the bar, and must be makeable or there, but its time does not matter and making it does not make the target. The bar counts where it stands in the text of the rule; one that comes out of a variable is an ordinary word. Several rules for a target add up. "
            "A file that stands before the bar in any of them is not behind it. `$^`, `$<` and `$?` do not hold these files; `$|` holds them. A pattern rule fits as before by what stands before its bar alone. `app.tree` shows them behind the other files, at their level, with `|` in front of the name, and what is below them as usual."
        ), (), only_rules),
        make(8, "phony", 3, (
            "Add three things. (1) `.PHONY: all clean` (expanded, may come several times, is no target itself) names targets that are no files: each is made whenever it is needed, with the reason `no file`, even if a file of that name exists; no pattern rule applies to it; without any rule it is done, and nothing else happens. A target behind a phony one that was made is made as usual. (2) In front of a command, in any order and number, also with spaces, "
            "`@` keeps it from being shown, and `-` lets its failure not matter: then `ignored: MESSAGE` is shown and the next command runs. (3) A command that fails otherwise ends the build with `error: TARGET: MESSAGE`. With `app.build(…, keeps_going=True)` it only ends its target: `failed: TARGET: MESSAGE` is shown at once, targets that need it, directly or through others, are not made and show `not made: NAME` each, at the time when they would have been, "
            "and everything else goes on. A failed target is not made, and needs nothing more; its reason is still listed. The summary is then `made 2 of 7, failed 3`, where failed counts those that failed and those that were not made because of it; without failures it is as before. Wrong rules end the build as before, even then."
        ), (), phony),
        make(12, "scoped", 4, (
            "Add variables of targets, and conditions. (1) `app util.o: FLAGS += -g` sets a variable for targets (expanded names, no patterns), with every sign that variables have. It holds for the commands of that target and of everything that is brought up to date for it, unless a target on the way sets it itself; it does not hold for the files before it in the rules, nor for anything outside. `+=` adds to what the variable is where the target is "
            "needed (that of the target that needs it, or the common one), `?=` sets nothing where it exists there, `:=` expands there. These are applied in the order of the text, when the target is needed; common variables have their last value then. A target that several need is made once, with the variables of the one that needs it first. The line is such an assignment where an ordinary assignment stands behind the first colon; its text is not expanded before that. "
            "(2) `ifeq (first,second)`, `ifneq (first,second)`, `else` and `endif`, nested as you like, choose lines: both texts are expanded where the line stands and must be equal (or not), spaces around each do not count. The lines of the other branch have no effect, though they must be readable. A rule ends at such a line: its commands cannot go on behind it. Errors with lines: `else without ifeq` (also for a second one), `endif without ifeq`, "
            "`ifeq has no endif` (also for `ifneq`, with the line of the innermost open one), `ifneq needs (first,second)`. The comma that counts is the first outside of inner parentheses."
        ), EMPTY_TEXTS, scoped),
    ]  # fmt: skip
