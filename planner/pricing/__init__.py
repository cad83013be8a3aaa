"""What a GPU hour costs. Knows nothing of models."""
