"""Encoders: what turns one kind of measurement into numbers that a model can read."""
