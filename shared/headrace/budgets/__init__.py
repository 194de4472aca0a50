"""Budgets: which are active and pay for a call, and the ledger that holds and charges their money.

active.py     budgets of the table `budget.state`, their scopes and periods; pure
holds.py      what a call is held against, and what is said when too little is left; pure
log.py        what `model.calls` says was charged; pure
accounts.py   balances and entries in Postgres, each change one atomic statement
"""
