"""Damaged and hostile input for every parser: it is read, or refused in a sentence, and never anything else."""
