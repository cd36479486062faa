"""A delegate in a process of its own: it enrols, waits for its session, works, and stays until its input ends."""

import sys

from valetkey import BuyerAgent


def main() -> None:
    enrollment = BuyerAgent.enroll("a delegate in its own process")
    print(enrollment.code, flush=True)
    with enrollment.wait(60, interval=0.1) as delegate:
        delegate.check_spend("0.5")
        delegate.spend("0.5")
        delegate.list_transactions()
        print("working", flush=True)
        for line in sys.stdin:
            if line.strip() == "again":
                print(delegate.list_transactions().total, flush=True)


if __name__ == "__main__":
    main()
