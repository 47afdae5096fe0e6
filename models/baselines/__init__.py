"""Baselines: predictors that every later model must beat. One file each, listed in `models`."""
