"""Whom a catalogue's index is from: a Sigstore bundle, checked by Sigstore's own package.

Expected is an identity, as ``https://github.com/OWNER/REPO/.github/workflows/catalog.yml@refs/
heads/main`` of a workflow, and who vouched for it. Nothing is expected where none is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

GITHUB = "https://token.actions.githubusercontent.com"
_ADVICE = "planner refresh --direct reads the clouds' own interfaces"


def check(
    index: bytes, find: Callable[[], bytes | None], *, identity: str, issuer: str = GITHUB
) -> str:
    """Return a note on the signature, where it is as it should be.

    Args:
        index: What was signed.
        find: Fetches the signature; None where there is none.
        identity: Who must have signed; empty where anyone may.
        issuer: Who vouched for the identity.

    Raises:
        DataError: An identity is expected, and the index is not from it, or nobody can tell.
    """
    if not identity:
        return ""
    bundle = find()
    if bundle is None:
        raise DataError(
            "the catalogue is not signed",
            why=f"it should be by {identity}",
            advice=_ADVICE,
        )
    try:
        from sigstore.errors import Error as SigstoreError
        from sigstore.models import Bundle
        from sigstore.verify import Verifier, policy
    except ImportError as error:
        raise DataError(
            "nobody can check the catalogue's signature",
            why=str(error),
            advice="pip install 'gpu-planner[signed]'",
        ) from error
    try:
        Verifier.production().verify_artifact(
            index, Bundle.from_json(bundle), policy.Identity(identity=identity, issuer=issuer)
        )
    except (SigstoreError, ValueError) as error:
        raise DataError(
            "the catalogue's signature does not hold",
            why=f"{type(error).__name__}: {error}",
            advice=_ADVICE,
        ) from error
    return f"signed by {identity}"
