"""Partial-equilibrium simulation of trade policy."""
