"""What calls of models took, for people: sums by name, a series over time, and history at today's prices. Pure.

sums.py      of the windows that the usage meter publishes
trials.py    which calls only try a prompt
reprice.py   of the log of calls, with each model's newest price
"""
