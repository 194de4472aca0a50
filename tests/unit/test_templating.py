"""Jinja2 templates: texts, faults, and that none of them can reach out, stall or fill a service."""

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.templating import (
    LARGEST_TEXT,
    Outline,
    TemplateFault,
    check_template,
    outline,
    render,
    variables_of,
)
from headrace.templating.render import MOST_TOKENS
from headrace.templating.sandbox import FILTERS

LONGEST_STALL_S = 3.0
"""The bound is 0.3 s; the machines that run this are slow and busy."""


def why_not(source: str, **values: Any) -> str:
    with pytest.raises(TemplateFault) as raised:
        render(source, values)
    return str(raised.value)


DOCS = [{"title": "One", "text": " first "}, {"title": "Two", "text": "second"}]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hello {{ name }}!\n", "Hello Ada!\n"),
        ("{% for d in docs %}[{{ loop.index }}/{{ docs|length }}] {{ d.title }}: {{ d.text|trim }}\n{% endfor %}",
         "[1/2] One: first\n[2/2] Two: second\n"),
        ("{% for d in docs if d.title != 'One' %}{{ d.title }}{% else %}none{% endfor %}", "Two"),
        ("{% for k, v in about.items() %}{{ k }}={{ v }};{% endfor %}", "a=1;b=2;"),
        ("{% if about.c is defined %}yes{% elif 'a' in about and 1 < 2 <= 2 %}a{% endif %}", "a"),
        ("{% set x = 'a' ~ 1 ~ none %}{{ x }}{% set y %}[{{ x }}]{% endset %}{{ y }}", "a1None[a1None]"),
        ("{% with x = 3 %}{{ x + 1 }} {{ x * 2 }} {{ 7 % x }} {{ 7 // x }} {{ -x }}{% endwith %}", "4 6 1 2 -3"),
        ("{{ docs|map(attribute='title')|join(', ') }}", "One, Two"),
        ("{{ docs|selectattr('title', 'equalto', 'Two')|map(attribute='text')|first }}", "second"),
        ("{{ 'a,b'.split(',')|reverse|list }} {{ 'ab'.upper() }} {{ about.get('z', 'no') }}", "['b', 'a'] AB no"),
        ("{{ about|tojson(indent=2) }}", '{\n  "a": 1,\n  "b": 2\n}'),
        ("{{ 'a\nb'|indent(2) }} {{ 'aa'|replace('a', 'b') }}", "a\n  b bb"),
        ("{{ [1, 2]|sum }} {{ 3.14159|round(2) }}", "3 3.14"),
        ("{{ missing|default('d') }} {{ about.x|default('e') }}", "d e"),
        ("{{ docs[0].title[:2] }} {{ docs[-1]['title'] }}", "On Two"),
        ("{{ about }}", "{'a': 1, 'b': 2}"),
        ("{% filter upper %}{{ name }}{% endfilter %}{# nothing #}{% raw %}{{ x }}{% endraw %}", "ADA{{ x }}"),
        ("{{ range(3)|list }}{% for i in range(2) %}{{ loop.cycle('x', 'y') }}{% endfor %}", "[0, 1, 2]xy"),
        ("<b>{{ '&' }}</b>", "<b>&</b>"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_templates_make(source: str, text: str) -> None:
    assert render(source, {"name": "Ada", "docs": DOCS, "about": {"a": 1, "b": 2}}) == text


@pytest.mark.parametrize("key", ["items", "keys", "values", "get", "update", "pop", "copy", "__class__"])
def test_what_the_data_holds_comes_before_the_methods_of_its_type(key: str) -> None:
    assert render(f"{{{{ about.{key} }}}}", {"about": {key: "mine"}}) == "mine"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ nam }}", "'nam' is undefined"),
        ("{{ about.x }}", "has no attribute 'x'"),
        ("{{ about.x.y }}", "has no attribute 'x'"),
        ("{% if nam %}{% endif %}", "'nam' is undefined"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ 1 + 'a' }}", "TypeError"),
        ("{{ 1|join }}", "TypeError"),
        ("{{ name() }}", "TypeError"),
        ("{{ x|float|int }}", "OverflowError"),
    ],
)
def test_a_template_that_fails_on_its_values_says_why(source: str, reason: str) -> None:
    assert reason in why_not(source, name="Ada", about={}, x="1e400")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("\n{% if x %}", "line 2: "),
        ("{{ x", "line 1: "),
        ("{% for %}", "line 1: "),
        ("{{ x|uper }}", "line 1: No filter named 'uper'. (did you mean upper?)"),
        ("{{ x is strnig }}", "line 1: No test named 'strnig'. (did you mean string?)"),
        ("{{ x is tall }}", "line 1: No test named 'tall'."),
        ("{{ " + "(" * 500 + "1" + ")" * 500 + " }}", "nested too deeply, or too large"),
        ("{% if 1 %}" * 150 + "{% endif %}" * 150, "nested too deeply, or too large"),
        ("{{ x }}" * 10_000, f"more than {MOST_TOKENS} words and signs"),
        ("{% macro f() %}{% endmacro %}", "line 1: macro is not supported"),
        ("\n\n{% call f() %}{% endcall %}", "line 3: callblock is not supported"),
        ("{% block a %}{{ self.a() }}{% endblock %}", "block is not supported"),
        ("{% include 'secrets' %}", "include is not supported"),
        ("{% import 'os' as os %}", "import is not supported"),
        ("{% from 'os' import system %}", "fromimport is not supported"),
        ("{% extends 'base' %}", "extends is not supported"),
        ("{% for x in y recursive %}{{ loop(y) }}{% endfor %}", "a recursive loop is not supported"),
        ("{% do x.append(1) %}", "line 1: "),
    ],
)
def test_a_text_that_is_no_template_says_where_and_why(source: str, reason: str) -> None:
    assert reason in check_template(source)
    assert reason in why_not(source, x=1, y=[])
    with pytest.raises(TemplateFault):
        variables_of(source)


@pytest.mark.parametrize(
    "reach",
    [
        "''.__class__", "''['__class__']", "().__class__.__base__.__subclasses__()", "x.__init__.__globals__",
        "(1).__class__", "1.0.real", "none.__class__", "range.__class__", "range(1).__class__", "x.append(1)",
        "x.pop()",
        "about.update({})", "about.clear()", "about.copy()", "about.setdefault('a', 1)", "'{0.__class__}'.format(1)",
        "'a'.encode()", "'a'.translate({})", "'a'.replace('a', 'b')", "'a'.join([])", "'a'.center(9)", "'a'.zfill(9)",
        "'a'.format_map({})", "'a'.format",
    ],
)  # fmt: skip
def test_nothing_is_reached_but_the_data(reach: str) -> None:
    message = why_not(f"{{{{ {reach} }}}}", x=[1], about={})
    assert "can't be used in a template" in message or "is undefined" in message


def test_a_loop_shows_only_what_it_is_meant_to_show() -> None:
    for attribute in ("__class__", "_iterable", "__init__"):
        assert "can't be used" in why_not(f"{{% for a in [1] %}}{{{{ loop.{attribute} }}}}{{% endfor %}}")


@pytest.mark.parametrize(
    "name", ["namespace", "lipsum", "cycler", "joiner", "dict", "self._x", "config", "request", "g"]
)
def test_no_names_but_those_given(name: str) -> None:
    assert "undefined" in why_not(f"{{{{ {name} }}}}") or name == "self._x"


@pytest.mark.parametrize(
    "name", ["attr", "center", "format", "pprint", "random", "safe", "urlize", "xmlattr", "wordwrap"]
)
def test_filters_that_can_harm_are_not_there(name: str) -> None:
    assert name not in FILTERS
    assert f"No filter named '{name}'" in check_template(f"{{{{ x|{name} }}}}")


NUMBERS = list(range(95_000))
TEXT = "x" * 380_000


def doubled(first: str, step: str, use: str = "") -> str:
    """24 times: too much for the bounds, not for the machine of whoever breaks them."""
    return f"{{% set a = {first} %}}" + step * 24 + use


B, PAIRS = "{% set b = [1] %}", "{% set a = [a, a] %}{% set b = [b, b] %}"

BOMBS: dict[str, str] = {
    "loops in loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a long loop": "{% for a in range(99999) %}" + "{% set b = a %}" * 50 + "{% endfor %}",
    "a range without end": "{% for a in range(10**9) %}{% endfor %}",
    "a large range": "{% for a in range(1000000000) %}{% endfor %}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "percent with a name": "{{ '%(a)1000000000d' % about }}",
    "repetition": "{{ 'x' * 1000000000 }}",
    "repetition of a list": "{{ [1] * 1000000000 }}",
    "repetition the other way": "{{ 1000000000 * 'x' }}",
    "powers": "{{ 9**9**9 }}",
    "products": doubled("99999999", "{% set a = a * a %}"),
    "indentation": "{{ 'a\nb'|indent(1000000000) }}",
    "indentation of many lines": "{{ lines|indent(9000) }}",
    "indentation by a text": "{{ lines|indent(text) }}",
    "replacement": "{{ text|replace('x', text) }}",
    "replacement of nothing": "{{ text|replace('', text) }}",
    "joined by a large text": "{{ numbers|join(text) }}",
    "joined from a generator": "{{ range(90000)|map('string')|join(text) }}",
    "json": "{{ [text, text, text]|tojson }}",
    "json, indented": "{{ numbers|tojson(indent=9000) }}",
    "batches": "{{ [1]|batch(1000000000, 'x')|list }}",
    "rounding": "{{ 1.5|round(1000000000) }}",
    "doubling text with ~": doubled("'x'", "{% set a = a ~ a %}"),
    "doubling text with +": doubled("'x'", "{% set a = a + a %}"),
    "doubling lists with +": doubled("[1]", "{% set a = a + a %}"),
    "doubling blocks": doubled("'x'", "{% set a %}{{ a }}{{ a }}{% endset %}"),
    "doubling filtered blocks": doubled(
        "'x'", "{% set a %}{% filter upper %}{{ a }}{{ a }}{% endfilter %}{% endset %}"
    ),
    "lists in lists, written out": doubled("[1]", "{% set a = [a, a] %}", "{{ a }}"),
    "lists in lists, as text": doubled("[1]", "{% set a = [a, a] %}", "{{ a|string|length }}"),
    "lists in lists, concatenated": doubled("[1]", "{% set a = [a, a] %}", "{{ 'x' ~ a }}"),
    "lists in lists, as json": doubled("[1]", "{% set a = [a, a] %}", "{{ a|tojson|length }}"),
    "lists in lists, compared": B + doubled("[1]", PAIRS, "{{ a == b }}"),
    "lists in lists, tested": B + doubled("[1]", PAIRS, "{{ a is eq(b) }}"),
    "sums of lists": "{{ numbers|map('list')|sum(start=[]) }}",
    "searching for each": "{% for n in numbers %}{% if -1 in numbers %}{% endif %}{% endfor %}",
    "searching with a filter": "{{ numbers|select('in', numbers)|list|length }}",
    "sorting for each": "{% for n in numbers %}{% set s = numbers|sort %}{% endfor %}",
    "slicing for each": "{% for n in numbers %}{% set s = numbers[1:] %}{% endfor %}",
    "splitting for each": "{% for n in numbers %}{% set s = text.split('x') %}{% endfor %}",
    "counting for each": "{% for n in numbers %}{% set s = numbers.count(n) %}{% endfor %}",
    "json for each": "{% for n in numbers %}{% set s = numbers|tojson %}{% endfor %}",
    "a text of texts": "{% for n in numbers %}{{ text }}{% endfor %}",
    "a list of one text": "{{ [" + "text," * 4_000 + "] }}",
}  # fmt: skip
VALUES: dict[str, Any] = {"numbers": NUMBERS, "text": TEXT, "lines": "\n" * 100_000, "about": {"a": 1}}


@pytest.mark.parametrize("name", BOMBS)
def test_no_template_stalls_or_fills_a_service(name: str) -> None:
    began = time.process_time()
    message = why_not(BOMBS[name], **VALUES)
    assert time.process_time() - began < LONGEST_STALL_S
    assert not message.startswith("TypeError"), "it must be stopped by a bound, not by chance"


def test_nesting_that_is_too_deep_for_python_is_a_fault() -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    for use in ("{{ x }}", "{{ x|tojson }}", "{{ x == y }}", "{{ 'a' ~ x }}"):
        assert why_not(use, x=nested, y=[nested])
    while nested:  # Python frees deep lists one by one, if we let it
        nested = nested[0]


@pytest.mark.parametrize(
    "source",
    [
        "{% for n in numbers %}{% if n > 94990 %}{{ n }} {% endif %}{% endfor %}",
        "{{ numbers|length }} {{ text|length }} {{ numbers|first }} {{ text[:10] }}",
        "{{ numbers|sum }} {{ numbers|max }} {{ numbers|join|length }}",
        "{% for n in range(2000) %}{{ loop.index }}: {{ about.a }}, {% if not loop.last %}and{% endif %}\n{% endfor %}",
    ],
)
def test_honest_work_is_done(source: str) -> None:
    assert render(source, {**VALUES, "text": "x" * 200_000, "numbers": [*NUMBERS[:50_000], 94_999]})


def test_a_text_may_be_as_long_as_allowed_and_no_longer() -> None:
    assert len(render("{{ x }}", {"x": "y" * LARGEST_TEXT})) == LARGEST_TEXT
    assert f"more than {LARGEST_TEXT} characters" in why_not("{{ x }}!", x="y" * LARGEST_TEXT)


def test_which_variables_a_template_uses() -> None:
    source = "{% for d in docs %}{{ d ~ q }}{% endfor %}{% set z = 1 %}{{ z }}{{ range(2) }}{{ a.b|default(c) }}"
    assert variables_of(source) == {"docs", "q", "a", "c"}


TEXTS = st.text(st.sampled_from("{}%# \n'\"|.()[]abinforsetif0123~+*=-"), max_size=60)


@given(TEXTS)
def test_no_text_does_worse_than_be_a_fault(source: str) -> None:
    with suppress(TemplateFault):
        render(source, {"a": 1, "b": [1, 2]})


@given(st.text(max_size=50), st.lists(st.text(max_size=10), max_size=5))
def test_what_is_filled_in_is_never_read_as_a_template(name: str, others: list[str]) -> None:
    source = "{{ name }}{% for o in others %}{{ o }}{% endfor %}"
    assert render(source, {"name": name, "others": others}) == name + "".join(others)


@pytest.mark.parametrize(
    ("source", "outlined"),
    [
        ("Hello", Outline("Hello", (), whole=True)),
        ("Hello {{ name }}, {{name}}!", Outline("Hello , !", ("name", "name"), whole=True)),
        ("{{ name | upper }} and on", Outline(" and on", (), whole=False)),
        ("{% for one in many %}{{ one }}, {% endfor %}done", Outline("done", (), whole=False)),
        ("{% if name %}Hello {{ name }}{% endif %}", Outline("", (), whole=False)),
        ("{# a remark #}{{ '{{' }}", Outline("", (), whole=False)),
    ],
)
def test_an_outline_is_what_a_template_makes_of_any_values(source: str, outlined: Outline) -> None:
    assert outline(source) == outlined
