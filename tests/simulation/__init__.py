"""The Redis protocol, packet by packet, in every order that a network and a crash can give it."""
