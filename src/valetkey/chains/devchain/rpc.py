"""The methods of the py-evm chain."""

from valetkey.chains.devchain.chain import Chain
from valetkey.chains.devchain.development import Development
from valetkey.chains.devchain.filters import Filters
from valetkey.chains.devchain.reading import Reading
from valetkey.chains.devchain.sending import Sending
from valetkey.chains.jsonrpc import Method, Rpc


def rpc_of(chain: Chain) -> Rpc:
    """Every method by its name."""
    methods: dict[str, Method] = {}
    for part in (Reading(chain), Filters(chain), Sending(chain), Development(chain)):
        methods.update(part.methods())
    return Rpc(methods)
