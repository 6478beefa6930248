"""Randomness without global state: every draw has a generator keyed by what it is for.

A draw's seed is a hash of (run seed, condition key, sample id), so a number does not depend on batch size, order,
process count, or on which other samples are in the run.
"""

import hashlib

import torch


def seed_of(run_seed: int, condition_key: str, sample_id: str) -> int:
    """Hash the three into an integer in [0, 2**63), the same on every machine and Python version."""
    text = "\x1f".join((str(run_seed), condition_key, sample_id))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(run_seed: int, condition_key: str, sample_id: str) -> torch.Generator:
    """Make the CPU generator of one sample under one condition."""
    return torch.Generator().manual_seed(seed_of(run_seed, condition_key, sample_id))
