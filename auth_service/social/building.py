"""Composes social log-ins."""

from auth_service.feature import Base
from auth_service.social.cookies import BrowserCookie
from auth_service.social.endpoints import SocialEndpoints
from auth_service.social.identity_endpoints import IdentityEndpoints
from auth_service.social.linking import LinkIdentity, ListIdentities, UnlinkIdentity
from auth_service.social.named import providers_of
from auth_service.social.notices import TellOfLinks
from auth_service.social.provider_client import ProviderClient
from auth_service.social.recognition import RecogniseUser
from auth_service.social.redirects import Redirects
from auth_service.social.use_cases import EnterByProvider, Flows, ReturnFromProvider
from shared.runtime.feature import Feature

_ON_THIS_MACHINE = "http://127.0.0.1:8000"


def build(base: Base) -> Feature:
    """Logging in by accounts elsewhere."""
    settings, database, clock = base.settings, base.database, base.clock
    public_url = settings.public_url or _ON_THIS_MACHINE
    client = ProviderClient()
    flows = Flows(
        database,
        providers_of(settings, client, clock),
        Redirects((*settings.allowed_origins, public_url)),
        public_url,
        base.box("social-logins"),
        clock,
    )
    tell = TellOfLinks(base.write_letter, clock)
    social = SocialEndpoints(
        flows,
        ReturnFromProvider(flows, RecogniseUser(database, tell, clock)),
        EnterByProvider(database, base.admit, clock),
        BrowserCookie(secure=public_url.startswith("https://")),
        base.delivery,
    )
    identities = IdentityEndpoints(
        flows,
        ListIdentities(database),
        LinkIdentity(database, flows.providers, tell, clock),
        UnlinkIdentity(database, flows.providers, tell),
        base.require_recent,
    )
    return Feature(endpoints=(social, identities), close=(client.close,))
