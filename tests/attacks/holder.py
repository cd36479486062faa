"""An agent in a process of its own: reads orders, one JSON a line, from standard input, and answers each with a line.

python -m tests.attacks.holder <base URL> <state folder>
"""

import json
import sys
import traceback
from typing import Any

from valetkey import BuyerAgent
from valetkey.core.errors import ValetkeyError


def carry_out(agent: BuyerAgent, order: dict[str, Any]) -> dict[str, Any]:
    match order.pop("do"):
        case "init":
            view = agent.init_with_session(order.pop("bundle"), **order)
        case "claim":
            view = agent.claim(order["link"])
        case "spend":
            return {"spend": agent.spend(order["amount"]).id}
        case _:
            raise AssertionError("there is no such order")
    return {"session": view.session_id if view else None}


def main() -> None:
    base_url, folder = sys.argv[1:]
    with BuyerAgent(base_url=base_url, state_dir=folder) as agent:
        for line in sys.stdin:
            try:
                answer = carry_out(agent, json.loads(line))
            except ValetkeyError as error:
                text = "".join(traceback.format_exception(error))
                answer = {"error": type(error).__name__, "code": error.code, "text": text}
            answer["repr"] = repr(agent) + repr(agent.session)
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
