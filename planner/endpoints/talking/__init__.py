"""Talk to an endpoint: transports, the client, load tests, code to hand over."""
