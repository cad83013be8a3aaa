"""Simulated price interfaces: what ``planner --sandbox refresh`` reads."""
