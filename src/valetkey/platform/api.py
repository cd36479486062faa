"""Every endpoint of the API, in the order of the documents. OpenAPI is written from this list."""

from valetkey.platform.agents.routes import ENDPOINTS as AGENTS
from valetkey.platform.alerts.routes import ENDPOINTS as ALERTS
from valetkey.platform.allotments.routes import ENDPOINTS as ALLOTMENTS
from valetkey.platform.approvals.routes import ENDPOINTS as APPROVALS
from valetkey.platform.audit.routes import ENDPOINTS as AUDIT
from valetkey.platform.checkout.routes import ENDPOINTS as CHECKOUT
from valetkey.platform.claims.routes import ENDPOINTS as CLAIMS
from valetkey.platform.enrollments.routes import ENDPOINTS as ENROLLMENTS
from valetkey.platform.grants.routes import ENDPOINTS as GRANTS
from valetkey.platform.http import Endpoint
from valetkey.platform.keys.routes import ENDPOINTS as KEYS
from valetkey.platform.market.routes import ENDPOINTS as MARKET
from valetkey.platform.operator.routes import ENDPOINTS as OPERATOR
from valetkey.platform.overview.routes import ENDPOINTS as OVERVIEW
from valetkey.platform.services.routes import ENDPOINTS as SERVICES
from valetkey.platform.sessions.routes import ENDPOINTS as SESSIONS
from valetkey.platform.sign_ins.routes import ENDPOINTS as SIGN_INS
from valetkey.platform.spends.routes import ENDPOINTS as SPENDS
from valetkey.platform.transactions.routes import ENDPOINTS as TRANSACTIONS
from valetkey.platform.webhooks.routes import ENDPOINTS as WEBHOOKS

# Webhooks, sessions and keys before agents: `/agents/session/...` must not be read as an agent's id.
ENDPOINTS: list[Endpoint] = [
    *SESSIONS,
    *ENROLLMENTS,
    *GRANTS,
    *ALLOTMENTS,
    *CLAIMS,
    *KEYS,
    *SIGN_INS,
    *WEBHOOKS,
    *SPENDS,
    *APPROVALS,
    *ALERTS,
    *OVERVIEW,
    *AUDIT,
    *AGENTS,
    *SERVICES,
    *CHECKOUT,
    *TRANSACTIONS,
    *MARKET,
    *OPERATOR,
]
