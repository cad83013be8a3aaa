"""Credentials and SDK clients for the three clouds.

One module per cloud (``aws``, ``azure``, ``gcp``) makes the vendor's own SDK clients lazily,
with the vendor's default credential chain, and turns what they raise into planner's errors
(``with aws.errors("...")``). ``settings`` is the one place that points the clients at another
endpoint: a VPC endpoint, or the sandbox. ``pacing`` keeps every call within the documented
request rates and counts it. ``redact`` takes account numbers out of what clouds say.
"""
