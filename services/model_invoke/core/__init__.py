"""The pure part of an attempt.

request.py     from a node's configuration and input to the question
candidates.py  which models may be asked
fitting.py     messages that fit a model's window
answer.py      whether an answer is what was asked for, and how to ask again
usage.py       tokens and money, said or estimated
outcome.py     from what all candidates did to the node's outcome
window.py      when a circuit breaker opens
"""
