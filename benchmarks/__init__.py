"""Measurements that the documentation quotes. Run: make bench."""
