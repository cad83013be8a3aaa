"""What services that rent whole machines have in common, whichever cloud rents them out.

A service of this kind is a folder beside this one (``gce``, ``azure_vm``) with the vendor's own
calls. All else is here, once:

* ``adapter``: :class:`MachineAdapter`, the adapter with everything that no vendor decides; its
  abstract methods are the seam, and all that a new service has to write;
* ``found``: how what a cloud lists becomes an endpoint: :class:`Machine`, :class:`Found`;
* ``steps``: asking place after place for room, giving way to an older run, the ledger's entry;
* ``removal``: everything goes, machines first, also where one part will not;
* ``watch``: following a machine to its first answer, and what its end means;
* ``console``: the lines by which a machine tells how far it is;
* ``boot``: the engine's arguments and the cloud-init they go into;
* ``checks``: what preflight asks of every machine;
* ``way_in``: the tunnel to the engine.
"""
