"""Where the simulated clouds listen."""

from __future__ import annotations

from dataclasses import dataclass

from planner.clouds.settings import CloudSettings


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Base URLs, one per cloud, and the sandbox's own API."""

    aws: str
    azure: str
    gcp: str
    control: str
    prices: str = ""

    def settings(self) -> CloudSettings:
        """Return the settings that point planner's clients here."""
        return CloudSettings(
            aws_endpoint=self.aws,
            azure_endpoint=self.azure,
            gcp_endpoint=self.gcp,
            simulated=True,
            sandbox_control=self.control,
            prices_endpoint=self.prices or None,
        )
