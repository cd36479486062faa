"""A widget that takes one kind of payment needs one session: one payee, a limit for each order, a limit in all.

python examples/veridex/payment_widget.py 0x<merchant> order-1 4.50
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

from valetkey import Client, LabelTaken, Refused, Transfer

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()
merchant, order, price = sys.argv[1:]

with Client(chain=os.environ.get("CHAIN", "base"), signer=owner_key) as client:
    try:
        session = client.create_session(
            label="payment-widget",
            spending_limit=50,
            per_transaction_limit=10,
            allowed_payees=[merchant],
            valid_until=timedelta(days=7),
            sole_label=True,
        )
    except LabelTaken:
        (session,) = client.list_sessions(label="payment-widget", status="active")
    try:
        # The order is the idempotency key: whoever clicks twice pays once.
        paid = client.execute(
            session, Transfer(to=merchant, amount=price, token="USDC"), idempotency_key=order
        )
        print(f"{order}: paid {paid.amount} USDC, {paid.remaining_limit} left in the widget")
    except Refused as no:
        print(f"{order}: refused, {no.code}: {no.hint}")
