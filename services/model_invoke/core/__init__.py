"""The two pure halves of a call.

request.py  from a node's configuration and input to the call
usage.py    tokens and money, said or estimated
outcome.py  from the provider's answer, or fault, to the node's outcome
"""

from model_invoke.core.outcome import failure, interpret
from model_invoke.core.request import plan
from model_invoke.core.usage import usage_of

__all__ = ["failure", "interpret", "plan", "usage_of"]
