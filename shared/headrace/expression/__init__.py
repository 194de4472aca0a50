"""CEL expressions over `input`, `nodes` and `run`: compiled once, evaluated without side effects and within bounds.

The language: https://cel.dev, through the official binding of cel-cpp. An expression reaches nothing but what it is
given. cel-cpp stops after 10,000 iterations, but what happens in one of them may be as large as the data: so the work
of an expression with loops is estimated from the sizes of its data before it is evaluated.

compiled.py  texts to programs, programs to values
tree.py      the syntax tree of a program
shown.py     it as CEL again
work.py      how many bytes an evaluation may handle
"""

from headrace.expression.compiled import (
    MOST_WORK_OF_A_NODE,
    Data,
    Expression,
    ExpressionError,
    Meter,
    compile_expression,
)

__all__ = ["MOST_WORK_OF_A_NODE", "Data", "Expression", "ExpressionError", "Meter", "compile_expression"]
