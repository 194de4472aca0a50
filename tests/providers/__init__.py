"""Providers that tests call: on loopback, over real sockets, as bad as a test wants them."""
