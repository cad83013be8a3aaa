"""What a model needs and how fast it runs. Knows nothing of prices."""
