"""What may keep a call from being made, whoever pays for it.

breakers.py  a model that keeps failing is left alone, by all workers
storage.py   a breaker's state and its window, as `aiobreaker` asks for them
health.py    what is believed of what other workers tell; pure
rates.py     a model's limits, and Retry-After
"""
