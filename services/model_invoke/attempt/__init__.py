"""One attempt at a node: its candidates, one after the other, until one answers.

chain.py    the candidates, in their order
calling.py  one call, past the guards and paid for
trail.py    what the candidates have done: measured, told, answered for
unbroken.py steps that are not left half done
pieces.py   a streamed answer on its way to run.tokens
"""
