"""What endpoints served: requests, tokens and waits by the hour, from the engines' own metrics."""
