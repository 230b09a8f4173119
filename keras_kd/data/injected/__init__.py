"""Faults put into training data on purpose: label noise, imbalance, merged classes."""
