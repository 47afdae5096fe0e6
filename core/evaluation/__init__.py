"""Evaluation: how well models do on patients that they have not seen, judged side by side on the same patients."""
