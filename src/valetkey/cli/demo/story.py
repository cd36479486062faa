"""The story: who does what, in which order, and what must come of it. A step that differs ends it."""

import time
from dataclasses import dataclass
from typing import Any, Literal

from valetkey.cli.demo.books import Books
from valetkey.cli.demo.cast import Actor
from valetkey.cli.demo.telling import Telling
from valetkey.cli.dev_rpc import ETH, USDC, DevRpc
from valetkey.cli.stack import Stack
from valetkey.core.fees import platform_fee
from valetkey.core.money import format_units, parse_units

BUDGET = 50 * USDC
PRICE = 12 * USDC
OTHER_PRICE = 5 * USDC
TOO_MANY = 4
SHORT_LIFE_SECONDS = 4
OWNER_USDC = 1_000 * USDC
REQUEST = {"text": "A valet key opens the door and starts the engine. It does not open the boot."}
ANSWER = "A key that can do less is a key that can be given away."


Funding = Literal["wallet", "grant"]


def charged(subtotal: int) -> int:
    """What a purchase takes from the session: price and fee, in base units."""
    return subtotal + platform_fee(subtotal)


@dataclass(slots=True, kw_only=True)
class Story(Telling):
    """Tells the actors what to do and checks what comes of it."""

    stack: Stack
    rpc: DevRpc
    owner: Actor
    seller: Actor
    funding: Funding = "wallet"
    books: Books | None = None

    def play(self) -> None:
        """The whole story. Raises StoryDiffers at the first difference."""
        books = self._open_books()
        offered, other = self._market()
        main = self._session("create_session", BUDGET, 3_600, offered)
        books.add("session wallet", main["wallet"])
        if self.funding == "wallet":
            self._fund(books, main)
        else:
            self._granted(main)
        self._hand_over("main", main, "an hour")
        # Its seconds run out while the purchase takes its course.
        short = self._session("create_short_session", BUDGET, SHORT_LIFE_SECONDS, offered)
        books.add("short session wallet", short["wallet"])
        self._hand_over("short", short, f"{SHORT_LIFE_SECONDS} seconds", name="hand_over_short")
        bought = self._purchase(books, offered)
        self._delivery(books, bought["transaction_id"])
        self._refusals(offered, other, bought["tx_hash"])
        self._expired(short, offered)
        self._revoked(main, offered)
        if self.funding == "wallet":
            self._reclaim(books, main)
        else:
            self._ended(main)
        self._balances(books)

    def _open_books(self) -> Books:
        usdc, escrow = self.stack.contracts.usdc, self.stack.contracts.escrow
        assert escrow is not None, "a development stack has everything"
        self.books = books = Books(self.rpc, usdc, self.rpc.block_number())
        for actor, units in ((self.owner, OWNER_USDC), (self.seller, 0)):
            address = self._must(actor, "wallet")["address"]
            self.rpc.give(address, ETH)
            if units:
                self.rpc.mint(usdc, address, units)
            books.add(actor.name, address)
        books.block = self.rpc.block_number()
        books.add("treasury (fees)", self.rpc.treasury(escrow))
        books.add("escrow", escrow)
        if self.funding == "grant":
            books.add("relayer", self.stack.relayer)
        return books

    def _market(self) -> tuple[str, str]:
        for actor, name, what in (
            (self.seller, "demo-seller", "registers by signing with its wallet"),
            (self.owner, "demo-owner", f"registers; its wallet holds {format_units(OWNER_USDC, 6)} USDC"),
        ):
            self._must(actor, "register", name=name)
            self._tell("register_" + actor.name, actor, what)
        offered = self._must(
            self.seller,
            "offer",
            title="Summaries of long texts",
            description="One sentence that says it all",
            category="summarization",
            price=format_units(PRICE, 6),
        )["service_id"]
        self._tell(
            "list_service", self.seller, "lists “Summaries of long texts”; a document costs", units=PRICE
        )
        other = self._must(
            self.seller,
            "offer",
            title="Translations",
            description="From any language into any other",
            category="content",
            price=format_units(OTHER_PRICE, 6),
        )["service_id"]
        self._tell(
            "list_other_service",
            self.seller,
            "lists “Translations” as well; a document costs",
            units=OTHER_PRICE,
        )
        return offered, other

    def _session(self, name: str, budget: int, life: int, service: str) -> dict[str, Any]:
        made = self._must(
            self.owner,
            "create_session",
            budget=format_units(budget, 6),
            expiry=life,
            services=[service],
            funding=self.funding,
        )
        span = "one hour" if life == 3_600 else f"{life} seconds"
        self._tell(name, self.owner, f"makes a session for {span} and one service; budget", units=budget)
        return made

    def _fund(self, books: Books, session: dict[str, Any]) -> None:
        sent = self._must(self.owner, "fund", session_id=session["session_id"])
        books.expect("owner", -BUDGET)
        books.expect("session wallet", BUDGET)
        self._tell(
            "fund_session",
            self.owner,
            "stores a recovery copy of the key, then sends gas and",
            units=BUDGET,
            tx_hash=sent["tx_hash"],
        )

    def _granted(self, session: dict[str, Any]) -> None:
        worst = self._must(self.owner, "worst_case", session_id=session["session_id"])["usdc"]
        self._check(
            "grant",
            self.owner,
            parse_units(worst, 6) == BUDGET,
            "signs a grant and approves the contract; nothing moves. The most that the key could take",
            units=parse_units(worst, 6),
        )

    def _hand_over(self, session: str, made: dict[str, Any], life: str, name: str = "hand_over") -> None:
        self._must(self.delegate, "take", session=session, bundle=made.pop("bundle"))
        self._tell(name, self.delegate, f"receives the bundle of the session that lives {life}")

    def _purchase(self, books: Books, service: str) -> dict[str, Any]:
        found = self._must(self.delegate, "search", session="main", text="summaries")["services"]
        self._check("search", self.delegate, found[:1] and found[0]["id"] == service, "finds the service")
        bought = self._must(self.delegate, "buy_sealed", session="main", service_id=service, request=REQUEST)
        total = charged(PRICE)
        self._check(
            "purchase",
            self.delegate,
            parse_units(bought["total"], 6) == total,
            "buys it; the request is encrypted to the seller. Price and fee",
            units=total,
        )
        paid = self._must(self.delegate, "pay", session="main", transaction_id=bought["transaction_id"])
        books.expect("session wallet" if self.funding == "wallet" else "owner", -total)
        self._check(
            "fund_escrow",
            self.delegate,
            paid["status"] == "escrowed",
            "pays the escrow; the platform proves it on chain and captures"
            if self.funding == "wallet"
            else "signs; the relayer has the escrow take it from the owner's balance, and pays the gas",
            units=total,
            tx_hash=paid["tx_hash"],
        )
        return bought | paid

    def _delivery(self, books: Books, transaction: str) -> None:
        done = self._must(self.seller, "deliver_next", answer=ANSWER)
        self._check(
            "deliver",
            self.seller,
            done["request"] == REQUEST and done["verified"] and done["transaction_id"] == transaction,
            "reads the request, delivers encrypted, and proves the delivery on chain",
            tx_hash=done["tx_hash"],
        )
        read = self._must(self.delegate, "read", session="main", transaction_id=transaction)
        self._check(
            "read",
            self.delegate,
            read["answer"] == {"summary": ANSWER} and read["verified"],
            "opens the delivery; nobody else could",
        )
        released = self._must(self.delegate, "release", session="main", transaction_id=transaction)
        books.expect("seller", PRICE)
        books.expect("treasury (fees)", charged(PRICE) - PRICE)
        self._check(
            "release",
            self.delegate,
            released["status"] == "completed",
            "accepts; the escrow releases to the seller",
            units=PRICE,
        )

    def _refusals(self, offered: str, other: str, paid_hash: str) -> None:
        left = BUDGET - charged(PRICE)
        self._refused(
            "over_budget",
            f"tries to buy {TOO_MANY} more documents; {format_units(left, 6)} USDC are left, they cost",
            "budget_exceeded",
            "buy",
            units=charged(PRICE * TOO_MANY),
            session="main",
            service_id=offered,
            quantity=TOO_MANY,
        )
        self._refused(
            "service_not_allowed",
            "tries to buy “Translations”",
            "service_not_allowed",
            "buy",
            units=charged(OTHER_PRICE),
            session="main",
            service_id=other,
        )
        again = self._must(self.delegate, "buy", session="main", service_id=offered)
        self._refused(
            "replayed_funding",
            "makes a second purchase and says that the first payment's hash paid for it",
            "funding_replayed",
            "claim_paid",
            units=charged(PRICE),
            session="main",
            transaction_id=again["transaction_id"],
            tx_hash=paid_hash,
        )

    def _expired(self, short: dict[str, Any], service: str) -> None:
        time.sleep(max(0.0, short["expiry"] + 1 - time.time()))
        self._refused(
            "expired_session",
            "tries to buy with the session whose seconds are over",
            "session_expired",
            "buy",
            units=charged(PRICE),
            session="short",
            service_id=service,
        )

    def _revoked(self, main: dict[str, Any], service: str) -> None:
        self._must(self.owner, "revoke", session_id=main["session_id"])
        self._tell("revoke", self.owner, "takes the valet key back")
        self._refused(
            "revoked_session",
            "tries to buy once more",
            "session_revoked",
            "buy",
            units=charged(PRICE),
            session="main",
            service_id=service,
        )

    def _ended(self, main: dict[str, Any]) -> None:
        ended = self._must(self.owner, "revoked_on_chain", session_id=main["session_id"])
        self._check(
            "revoked_on_chain",
            self.owner,
            ended["status"] == "revoked",
            "sees that the chain has revoked the grant: the relayer sent what was signed for that at the beginning",
            tx_hash=ended["tx_hash"],
        )
        worst = self._must(self.owner, "worst_case", session_id=main["session_id"])["usdc"]
        held = self.rpc.units(self.stack.contracts.usdc, main["wallet"]) + self.rpc.wei(main["wallet"])
        self._check(
            "nothing_to_reclaim",
            self.owner,
            parse_units(worst, 6) == 0 and held == 0,
            "has nothing to reclaim: the session wallet never held a cent. The key could now take",
            units=parse_units(worst, 6),
        )

    def _reclaim(self, books: Books, main: dict[str, Any]) -> None:
        left = BUDGET - charged(PRICE)
        back = self._must(self.owner, "reclaim", session_id=main["session_id"])
        books.expect("session wallet", -left)
        books.expect("owner", left)
        self._check(
            "reclaim",
            self.owner,
            bool(back["tx_hash"]),
            "opens the recovery copy and sweeps the session wallet: gas and",
            units=left,
            tx_hash=back["tx_hash"],
        )

    def _balances(self, books: Books) -> None:
        books.close()
        self._check("balances", self.owner, books.agree, "every base unit and every wei is accounted for")
