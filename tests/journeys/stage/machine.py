"""Systems of hospitals, as journeys play them: a token and a connection."""

from datetime import timedelta

import httpx
from django.utils import timezone

from kangqiao.trust.actors import system_actor
from kangqiao.trust.services import IssuedToken, issue_token
from stage.journey import Site


def make_token(institution_id: int, *permissions: str) -> IssuedToken:
    """Issue a token that holds the permissions for an hour."""
    return issue_token(
        institution_id=institution_id,
        name="HIS",
        permissions=permissions,
        valid_until=timezone.now() + timedelta(hours=1),
        actor=system_actor("test"),
    )


def machine(site: Site, token: IssuedToken, **headers: str) -> httpx.Client:
    """Return a client that shows the token and sends FHIR."""
    given = {"Authorization": f"Bearer {token.plain}", "Content-Type": "application/fhir+json"}
    return httpx.Client(base_url=site.url, headers=given | headers, timeout=60)
