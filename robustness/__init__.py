"""Corruptions, attacks, protocols, metrics and the run engine: what the project exists for."""
