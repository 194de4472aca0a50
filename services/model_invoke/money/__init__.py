"""Who pays for calls.

active.py   the budgets that are in force
ledger.py   budgets, reserved before a call and settled after it
paying.py   waits while the ledger is away
"""
