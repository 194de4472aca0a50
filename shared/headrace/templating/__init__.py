"""Jinja2 templates that compute text from values, and can neither reach anything else nor take long.

What a template may use: variables, for, if, set, with, filter blocks, tests, and the filters that are listed in
sandbox.py. Not there: macros, inheritance, includes, recursive loops, and methods that make much out of little.

render.py   templates to texts
outline.py  what a template makes whatever its values are
sandbox.py  what a template may do
budget.py   how much work a rendering may take
"""

from headrace.templating.budget import LARGEST_TEXT, Budget
from headrace.templating.outline import Outline, outline
from headrace.templating.render import TemplateFault, check_template, render, variables_of

__all__ = ["LARGEST_TEXT", "Budget", "Outline", "TemplateFault", "check_template", "outline", "render", "variables_of"]
