"""Put a plan in a cloud, prove that it answers, and take it away again.

How it is laid out, so that another cloud is one more adapter:

* ``model``: the words: a deployment's specification, an endpoint and its states;
* ``lifecycle``: steps with undo, run and rolled back (knows no cloud);
* ``interruption``: Ctrl-C and SIGTERM, once and twice;
* ``preflight``: everything that would make a deploy fail, found before it starts;
* ``deployment``: plan -> preflight -> steps -> proof, over one or several candidates;
* ``client``: talk to an endpoint; ``failures``: what its log lines mean;
* ``interface``: what an adapter offers; ``sagemaker``: the first one;
* ``machines``: what all adapters share that rent whole machines: ``gce``, ``azure_vm``.
"""
