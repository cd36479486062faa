"""The delegate reads what was delivered, and releases the money.

python examples/abba_baba/confirm.py <transaction id> < bundle.txt
"""

import sys

from valetkey import BuyerAgent

with BuyerAgent() as agent:
    agent.init_with_session(sys.stdin.read())
    purchase = agent.get_transaction(sys.argv[1])
    opened = agent.decrypt_response_payload(purchase)
    print(f"delivered: {opened.payload['summary']} (signature holds: {opened.verified})")
    print(f"status: {agent.confirm_and_release(purchase.id).status}")
