"""Fetching data sets: what is published where, over HTTP, resumed and checked."""
