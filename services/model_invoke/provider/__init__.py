"""Providers over HTTP: the port Chat.

chat.py       any provider whose format is known
exchange.py   one request and its answer, bounded
redaction.py  no credential leaves with what a provider says; pure
wire/         the providers' formats; pure
"""
