"""A worker delivers the next purchase with nothing but the bundle of a seller session. The money goes to the seller.

python examples/abba_baba/seller_worker.py < worker.txt
"""

import sys

from valetkey import SellerAgent

with SellerAgent() as worker:
    worker.init_with_session(sys.stdin.read())
    for purchase in worker.poll_for_purchases(interval=0.5):
        text = worker.decrypt_request_payload(purchase).payload["text"]
        result = {"summary": text[:20]}
        worker.deliver_encrypted(purchase.id, result)
        worker.submit_delivery(purchase.id, result)
        print(f"delivered {purchase.id}")
        break
