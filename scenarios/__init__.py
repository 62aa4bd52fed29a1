"""Experiments: scenarios, how they are run, and what is written of them."""
