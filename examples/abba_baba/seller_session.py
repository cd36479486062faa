"""A seller offers a service, and lets another process deliver in its name.

python examples/abba_baba/seller_session.py worker.txt
"""

import os
import sys
from pathlib import Path

from valetkey import SellerAgent

seller_key = Path(os.environ["SELLER_KEY_FILE"]).read_text().strip()

with SellerAgent.register(seller_key, os.environ.get("SELLER_NAME", "acme-summaries")) as seller:
    seller.init_eoa_wallet(seller_key)
    service = seller.list_service(
        title="Summaries of long texts",
        description="One paragraph",
        category="summarization",
        price="2.50",
        price_unit="per_document",
    )
    session = seller.create_session(expiry=3600, allowed_service_ids=[service.id])
    seller.authorize_session(session)  # gas, and the right to record deliveries on chain until it ends
    with open(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(session.serialize())
    print(service.id)
