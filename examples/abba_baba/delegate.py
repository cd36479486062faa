"""A delegate buys with nothing but the bundle, which it reads from its standard input.

python examples/abba_baba/delegate.py "A long story" < bundle.txt
"""

import sys

from valetkey import BudgetExceeded, BundleExpired, BuyerAgent

with BuyerAgent() as agent:
    try:
        view = agent.init_with_session(sys.stdin.read())
    except BundleExpired as over:
        sys.exit(f"ask the owner for another bundle: {over}")
    print(f"{view.remaining_usdc} USDC until {view.expires_at}")

    (service_id,) = view.allowed_service_ids
    checkout = agent.purchase_encrypted(service_id, {"text": sys.argv[1]})
    funded = agent.fund_and_verify(checkout)
    print(f"transaction {funded.id}: {funded.status}")

    try:
        agent.purchase(service_id, quantity=1_000)
    except BudgetExceeded as no:
        print(f"a thousand more: {no.code}, {no.remaining} USDC remaining")
