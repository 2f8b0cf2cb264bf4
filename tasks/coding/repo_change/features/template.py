"""Features of the template engine."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

LOADS = {"app": "pagefill.app", "scanning": "pagefill.scanning"}
DATA = {
    "name": "Ada <b>", "n": 4, "items": [{"n": "pen", "p": 3}, {"n": "a&b", "p": 8}, {"n": "ink", "p": 8}], "tags": ["b", "a", "b", "<i>"],
    "none": [], "map": {"x": 1, "y": [2, 3]}, "flag": True, "html": '<u title="x">&</u>',
}  # fmt: skip
VALUES = (
    "name", "n", "items.1.n", "tags", "map.y", "missing", "n * 2 - 1", "name|upper", "tags|unique|sort", "items|pluck:'n'|join:' + '", "n > 3 and name", "not flag", "html", "'<' ~ name",
    "tags|length", "name|cut:5", "map", "x", "y", "name|lower", "tags|last", "tags|first", "missing|default:name", "n / 3 ~ n % 3", "'a' in tags", "-n", "n == 4 or x", "tags.size", "(n + 1) * 2", "items|pluck:'p'",
)  # fmt: skip
ODD = (
    "{{ 1 / 0 }}", "{{ name + 1 }}", "{{ n|fly }}", "{% if n %}", "{% for in x %}{% endfor %}", "{% for i in n %}{% endfor %}", "{% set 3 = 4 %}", "{% include 'nil' %}", "{% jump %}", "{{ }}", "{{ (n }}", "{{ n | }}", "{{ n. }}", "{{ n n }}",
    "{% else %}", "{{ n|cut }}", "{{ n|join }}", "{{ ? }}", "{% if n %}a{% else %}b{% elif n %}c{% endif %}", "{{ name < 3 }}", "{{ name < 'B' }}", "{{ 'a' <= 'a' ~ '' }}", "{{ n >= 4 }}{{ n < 4 }}", "{{", "{% include 'self' %}", "{%} {{ n }} %}", "{{}} {{ n }}", "{%- -%} {{ n }}", "{{- n -}} c", "{#-#} c", "{{ n }}-", "{{ true or 1 }}{{ 0 or '' }}{{ 0 and 1 }}{{ none or n }}", "{% if none %}a{% endif %}{% if '' %}b{% endif %}{% if tags %}c{% endif %}",
    "{{ 1 and 2 }}{{ n != 4 }}{{ n != 5 }}{{ 'a' != n }}", "{% for  i  in  tags %}{{ i }}{% endfor %}", "{% for 3 in tags %}{% endfor %}", "{% for i tags %}{% endfor %}", "{% for i in tags %}{% set n = i %}{{ n }}{% endfor %}{{ n }}", "{% set n = 1 %}{{ n }}{% include 'foot' %}",
)  # fmt: skip


def body(r: Random, extra: Callable[[Random], str] | None, depth: int = 0) -> str:
    """Return a piece of template; ``extra`` gives one of the feature."""
    parts = []
    for _ in range(r.randint(1, 4)):
        roll = r.random()
        if extra is not None and roll < 0.3:
            parts.append(extra(r))
        elif roll < 0.55 or depth > 1:
            parts.append("{{ " + r.choice(VALUES) + " }}")
        elif roll < 0.65:
            parts.append(f"{{% set {r.choice('xy')} = {r.choice(['n', '1', 'x', 'name', 'n + 1'])} %}}")
        elif roll < 0.8:
            inner = body(r, extra, depth + 1)
            parts.append(
                f"{{% if {r.choice(VALUES)} %}}{inner}{r.choice(['', '{% else %}-', '{% elif n %}e{% else %}f'])}{{% endif %}}"
            )
        else:
            listed = r.choice(["items", "tags", "map", "map.y", "none", "missing"])
            parts.append(
                f"{{% for {r.choice('xyi')} in {listed} %}}{body(r, extra, depth + 1)}{{% endfor %}}"
            )
        parts.append(r.choice(["", " ", "\n", ";", " t "]))
    return "".join(parts)


def page(text: str, others: dict[str, str] | None = None, more: str = "") -> str:
    """Return the call that fills a page."""
    return f"app.render({ {'main': text, 'foot': 'f{{ x }}{% set y = 7 %}', 'self': 'a{% include name2 %}', **(others or {})}!r}, 'main', {DATA!r}{more})"


def odd_calls() -> list[str]:
    """Return pages with each odd piece."""
    return [page(f"a {piece} b{{{{ n }}}}") for piece in ODD]


def common(r: Random) -> str:
    """Return a call about what was there before."""
    text = body(r, lambda r: r.choice(["{% include 'foot' %}", "{# x #}", "{{ x }}", "{{ y }}", "{{- n -}}"]))
    return page(text + (r.choice(ODD) if r.random() < 0.3 else ""))


def trims(r: Random) -> str:
    """Return a page with minus signs."""
    text = body(r, None)
    for sign in ("{{", "}}", "{%", "%}"):
        parts = text.split(sign)
        text = parts[0]
        for part in parts[1:]:
            minus = r.random() < 0.4
            text += (sign + "-" if sign in ("{{", "{%") and minus else "-" + sign if minus else sign) + part
    white = r.choice([" ", "\n", "\t\n ", "  "])
    return page(
        f"a{white}{text}{white}b {{{{ n }}}}{white}c"
        + r.choice(["", " {# r -#} d", " {#- r #} d {{ n -}} \n{{ n }} "])
    )


def loops(r: Random) -> str:
    """Return a page with ``loop`` and ``else``."""

    def extra(r: Random) -> str:
        key = r.choice(
            [
                "index",
                "left",
                "first",
                "last",
                "size",
                "changed",
                "parent.index",
                "parent.parent.size",
                "parent",
                "nil",
            ]
        )
        return "{{ loop." + key + " }}" if key != "parent" else "{{ loop.parent.left }}"

    listed = r.choice(["items", "tags", "none", "missing", "map.y", "map"])
    inner = r.choice(["tags", "none", "map.y", "items"])
    text = f"{{% for i in {listed} %}}{body(r, extra, 1)}{{% for j in {inner} %}}{extra(r)}{extra(r)}{r.choice(['', '{% else %}no' + extra(r)])}{{% endfor %}}{extra(r)}{r.choice(['', '{% else %}none{{ i }}', '{% else %}{% set x = 5 %}'])}{{% endfor %}}{{{{ loop.index }}}}{{{{ x }}}}"
    if r.random() < 0.1:
        text = r.choice(
            [
                "{% for i in tags %}a{% else %}b{% else %}c{% endfor %}",
                "{% for i in tags %}a{% else %}b",
                "{% set loop = 4 %}{% for i in tags %}{{ loop.parent }}{{ loop.index }}{% endfor %}{{ loop }}",
                "{% for loop in tags %}{{ loop }}{{ loop.index }}{% endfor %}",
            ]
        )
    return page(text)


def macros(r: Random) -> str:
    """Return a page with macros."""
    head = r.choice(
        [
            "{% macro m(a, b=2) %}[{{ a }}{{ b }}{{ x }}]{% endmacro %}", "{% macro m(a, b=a ~ n) %}<{{ a }}|{{ b }}>{% set x = 9 %}{% endmacro %}",
            "{% macro m(x) %}{% if x > 0 %}{{ x }}{{ m(x - 1) }}{% endif %}{% endmacro %}", "{% macro m() %}{{ n }}{% for i in tags %}{{ i }}{% endfor %}{% endmacro %}",
            "{% macro m(a='q', b=n) %}{{ b }}{{ a }}{% endmacro %}{% macro k(a) %}{{ m(a, b=a) }}{{ y }}{% endmacro %}", "{% include 'lib' %}", "{% set x = 1 %}{% macro m(a) %}{{ x }}{{ a|upper }}{% set n = 1 %}{{ n }}{% endmacro %}",
            "{% if n > 3 %}{% macro m(a) %}1{{ a }}{% endmacro %}{% else %}{% macro m(a) %}2{% endmacro %}{% endif %}",
        ]
    )  # fmt: skip

    def extra(r: Random) -> str:
        return r.choice(
            [
                "{{ m(1) }}",
                "{{ m(x) }}",
                "{{ m('a', 'b') }}",
                "{{ m(b=3, a=n) }}",
                "{{ m() }}",
                "{{ m(n - 1)|upper }}",
                "{{ k(n) }}",
                "{{ 'z' ~ m(y, b=m(1)) }}",
                "{{ m(a=1) }}",
                "{{ m(1, 2, 3) }}",
                "{{ m(1, a=2) }}",
                "{{ m(c=1) }}",
            ]
        )

    if r.random() < 0.12:
        head = r.choice(
            [
                "{% macro m(a=1, b) %}{% endmacro %}",
                "{% macro m(a, a) %}{% endmacro %}",
                "{% macro (a) %}{% endmacro %}",
                "{% macro m(a) %}",
                "{% macro m a %}{% endmacro %}",
                "{{ m(b=1, 2) }}",
                "{{ m(b=1, b=2) }}",
                "{{ m(1 2) }}",
                "{% macro m(a %}{% endmacro %}",
                "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
                "{% macro m(a) b %}{% endmacro %}",
                "{% macro m(3) %}{% endmacro %}",
            ]
        )
    text = head + f"{{% set y = 'Y' %}}{extra(r)}" + body(r, extra)
    return page(
        text if r.random() < 0.9 else extra(r) + text,
        {"lib": "{% macro m(a, b=5) %}({{ a }}/{{ b }}/{{ y }}){% endmacro %}"},
    )


def escapes(r: Random) -> str:
    """Return a page with escaping."""
    extra = r.choice(
        [
            "{{ html }}", "{{ html|safe }}", "{{ html|escape }}", "{{ html|escape|escape }}", "{{ html|safe|escape }}", "{{ '<' ~ html|safe }}", "{{ html|safe ~ name }}", "{{ html|upper }}", "{{ html|safe|upper }}", "{{ html|safe|lower ~ '&' }}",
            "{{ tags|join:'<br>' }}", "{% set s = '<br>'|safe %}{{ tags|join:s }}", "{{ tags }}", "{{ tags|first|safe }}", "{{ html|safe|cut:6 }}", "{{ html|safe|cut:60 }}", "{{ html|cut:9 }}", "{% set s = html|safe %}{{ s }}{{ s ~ s }}{{ s == html }}",
            "{{ items|pluck:'n'|join:'&' }}", "{{ missing|default:'<' }}", "{{ html|safe|default:1 }}", "{{ n|safe }}", "{{ tags|safe }}", "{{ map }}", "{{ none|join:'<' }}", "{{ '\"quoted\"' }}", "{{ html|length }}", "{{ html|escape|length }}", "<p>{{ 'a&amp;b' }}</p>",
            "{% set l = tags|unique %}{{ l|join:'&'|safe }}", "{{ n ~ '<' }}", "{{ (html|safe) ~ n }}", "{% macro m(a) %}<i>{{ a }}</i>{% endmacro %}{{ m(html) }}{{ m(html|safe) ~ name }}", "{% macro m(a) %}{{ a }}&{% endmacro %}{{ m('<')|upper }}{{ m(m(name)) }}",
        ]
    )  # fmt: skip
    text = body(r, lambda _r: extra) + extra
    return page(text, None, r.choice([", escape=True", ", escape=True", ", True", ""]))


def layouts(r: Random) -> str:
    """Return a page that extends others."""
    base = (
        "<{% block head %}H{{ x }}{% endblock %}>"
        + r.choice(
            [
                "",
                "{% if flag %}{% block in %}I{% endblock %}{% endif %}",
                "{% for i in map.y %}{% block in %}({{ i }}){% endblock %}{% endfor %}",
            ]
        )
        + "{% block main %}M{% block deep %}D{{ y }}{% set y = 3 %}{% endblock %}{{ y }}{% endblock %}"
        + r.choice(["", "{{ x }}{{ y }}", "{% include 'foot' %}"])
    )

    def blocks(r: Random) -> str:
        names = r.sample(["head", "main", "deep", "in", "extra"], r.randint(0, 3))
        parts = [
            f"{{% block {name} %}}{r.choice(['', '{% super %}', '{% super %}{% super %}', '{{ x }}'])}{name[0]}{body(r, None, 2)}{r.choice(['', '{% super %}'])}{{% endblock %}}"
            for name in names
        ]
        return r.choice(["lost", "", "\n", "{{ n }}"]) + r.choice(
            ["", "{% set x = 'X' %}", "{% set x = x ~ 1 %}", "{% set y = name %}"]
        ).join(["", *parts, ""])

    middle = r.choice(["", "\n ", "{# a #}"]) + "{% extends 'base' %}" + blocks(r)
    main = (
        r.choice(["", " \n"])
        + "{% extends "
        + r.choice(["'base'", "'middle'", "'mid' ~ 'dle'", "'middle'"])
        + " %}"
        + blocks(r)
    )
    if r.random() < 0.15:
        main = r.choice(
            [
                "a{% extends 'base' %}",
                "{% extends 'nil' %}",
                "{% extends 'main' %}",
                "{% super %}",
                "{% block a %}x{% super %}{% endblock %}",
                "{% block %}{% endblock %}",
                "{% block a %}x",
                "{% block a %}{% endblock %}{% block a %}{% endblock %}",
                "{% block a %}{% set q = 1 %}{{ q }}{% endblock %}{{ q }}",
                "{% block 3 %}{% endblock %}",
                "{% extends 'base' %}{% extends 'base' %}",
                "{{ n }}{% block a %}{% block b %}{% super %}1{% endblock %}{% endblock %}",
                "{% extends 'base' %}{% block main %}{% block head %}zz{% endblock %}{% endblock %}",
                "{% set x = 1 %}{% extends 'base' %}",
            ]
        )
    return page(main, {"base": base, "middle": middle})


def features(make: Any) -> list[Any]:
    """Return the features."""
    return [
        make(1, "trim", 2, (
            "White space is lost and kept at the wrong places. In `a {%- if n -%} b {% endif %} c` the minus should take away the white space directly beside that one sign, but "
            "spaces at the start of all later texts vanish too; and a minus behind an opening sign takes away only spaces, not line ends and tabs. The docstring of `scan` says what is right."
        ), tuple(page(text) for text in ("{{ n }}x", " x{{ n }}", "{{- n -}}", "{# r #} {{ n }}")), trims),
        make(4, "loop", 2, (
            "Loops need to know where they are. (1) Inside of a loop the name `loop` gives a mapping: `index` (from 1), `left` (items behind this one), `first` and `last` (yes or no), `size`, `changed` (yes for the first item and for each that is not equal to the one before), and `parent`, "
            "which is what `loop` means where the loop stands, nothing without an outer loop. After a loop the name means what it meant before. A `set` inside of the loop body does not live longer than one round, as now, unless the name exists outside. "
            "Where a loop's item is itself called `loop`, the mapping wins. (2) `{% for … %}…{% else %}…{% endfor %}`: what stands behind `else` is shown when there is no item (an empty list or mapping, or nothing); it is in the scope around the loop, without the item's name. A second `else` gives the "
            "error of an unknown tag (`no tag 'else'`), and a loop that has no `endfor` the usual `for has no end`."
        ), ("app.render({'main': '{% for i in s %}{{ loop.changed }}{{ i }};{% endfor %}'}, 'main', {'s': ['q', 'q', 'r', 'r', 'q']})", page("{% for i %}{% endfor %}")), loops),
        make(7, "macro", 3, (
            "Add macros. `{% macro price(a, b=1) %}…{% endmacro %}` shows nothing and defines a macro from then on in the whole page, also when it stands in an included template or in a branch that is run; a second one with the same name replaces it. `{{ price(3, b=n + 1) }}` in an expression gives its text, "
            "also inside of larger expressions, filters and arguments. (1) Arguments are expressions in the scope of the call, by place, then by name. Defaults are computed at the call, in the order of the parameters, in the scope of the macro, so that they can use earlier parameters. (2) The body sees the data of the page, the "
            "parameters and nothing else of where it is called or defined; names that it sets are gone afterwards. Macros can call macros, themselves too; more than 20 templates and macros inside of each other give `error: line 1: macros call each other without end`. (3) Errors, with the line of the tag or value as usual: `no macro 'x'`; `price takes 2 arguments, not 3`; "
            "`price needs a`; `price does not take c` (also for a parameter that is given twice, by place and by name). In a call: `price has b twice`; `price has an argument without a name behind one with a name`. In a definition: `a macro has no name`; `price has a wrong parameter` for one that is no name or there twice; "
            "`price has b without a default behind one with a default`. Signs that are missing give the reader's usual `expected ',', found …`. Without `endmacro`: `macro has no end`."
        ), tuple(page(text) for text in ("{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(1, 2) }}{{ m(1, b=3) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(3=4) }}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% macro m(a, b, c=3) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1, 2) }}{{ m(1) }}")), macros),
        make(9, "escape", 4, (
            'Pages for browsers need escaping: `app.render(templates, name, data, escape=True)`; without it nothing changes but the two new filters. With it, what `{{ … }}` shows has `&`, `<`, `>` and `"` replaced by `&amp;`, `&lt;`, `&gt;` and `&quot;`, unless it is safe text. Text of the template itself is never changed. '
            "(1) The filter `safe` makes what a value is shown as safe; `escape` gives the escaped text, which is safe; safe text is not escaped again. (2) `~` and `join` of texts of which one is safe (for `join` also the text between, once it is used): the others are escaped when they are joined, and the whole is safe; this does not depend on `escape=True`. Items of `join` are joined from left to right, so "
            "that text is escaped once it meets safe text. With no safe text the result is not safe. (3) `upper` and `lower` of safe text are safe. `cut` gives back a text that is short enough as it is, safe or not; a text that was cut is not safe. `default`, `first`, `last`, `sort` and `unique` do not touch their values; `set` keeps safety. A list or mapping that is shown is not safe, even if its items are. "
            "Text constants in expressions are not safe. Macros (`{{ m(1) }}`) give safe text, because their body is escaped where it shows values; macros and included templates are escaped as the page is. Safe text equals the same unsafe text. Put this into a new module `pagefill/texts.py`."
        ), (page("{{ 1 in 'a1' }}{{ 'a' in 5 }}{{ 'x' in map }}{{ 'A' in name }}{{ 8 in items }}{{ n in map.y }}"),), escapes),
        make(11, "extends", 4, (
            "Add inheritance. (1) `{% block NAME %}…{% endblock %}` shows its content in a scope of its own: what it sets is gone afterwards, names of the place are seen. (2) A template whose first tag or value, with only white space and remarks before it, is `{% extends 'base' %}` (any expression, computed before anything of the page is shown) fills in another template: the page is the other template, with each block replaced "
            "by the block of the same name, wherever it stands in the filling template (also inside of other blocks, branches and loops there). This goes over several templates: the template that is asked for wins, then the one that it extends, and so on. A block shown twice, as in a loop, is computed twice. What else stands in a template that extends is not shown; "
            "only its `set` and `macro` tags outside of blocks, branches and loops are done before the page is shown: first those of the template nearest to the outermost one. (3) `{% super %}` in a block shows what the block of that name would be without the template in which the running block stands, that is the next one outwards, in a scope of its own; it may be used several times, and inside of the outer block `super` leads further out; with nothing further out it shows nothing. "
            "(4) Errors with their lines: `block needs a name`, `block has no end`, `block a is there twice` (in one template), `extends is not the first tag`, `super stands outside of a block`, `no template 'x'`, `templates extend each other without end` when more than 21 templates are chained. Included templates cannot extend: there `extends` gives `extends is not the first tag`, and blocks in them are not supported, so they need not be handled."
        ), (), layouts),
    ]  # fmt: skip
