"""Who pays for calls.

ledger.py   budgets, reserved before a call and settled after it
paying.py   waits while the ledger is away
"""
