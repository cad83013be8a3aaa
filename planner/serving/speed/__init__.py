"""How fast a card runs a model: roofline, calibration, latency, hold-outs."""
