"""The story on Solana: what the gate refuses, what the token program refuses, and how both end a session."""

import time
from dataclasses import dataclass
from typing import Any

from valetkey.cli.demo.around import account_of, accounts_of
from valetkey.cli.demo.cast import Actor
from valetkey.cli.demo.solana_books import SolanaBooks
from valetkey.cli.demo.telling import Telling
from valetkey.cli.dev_rpc import USDC, DevRpc
from valetkey.core.money import format_units, parse_units
from valetkey.crypto.ed25519 import SigningKey

SOL = 10**9
WEALTH = 1_000 * USDC
BUDGET = 50 * USDC
PRICE = 12 * USDC
TOO_MUCH = 40 * USDC
SHORT_BUDGET = 5 * USDC
SHORT_SECONDS = 4
MIXED = 1 * USDC


@dataclass(slots=True, kw_only=True)
class SolanaStory(Telling):
    """Tells owner and delegate what to do and checks what comes of it."""

    rpc: DevRpc
    owner: Actor
    file: str
    books: SolanaBooks | None = None
    mint: str = ""
    owner_address: str = ""
    payee: str = ""

    def play(self) -> None:
        """The whole story. Raises StoryDiffers at the first difference."""
        books = self._open_books()
        begun = self._must(self.owner, "begin", rpc_url=self._url, mint=self.mint, file=self.file)
        main = self._session(books, "create_session", "session", BUDGET, 3_600)
        short = self._session(books, "create_short_session", "short session", SHORT_BUDGET, SHORT_SECONDS)
        self._must(
            self.delegate,
            "take_over",
            rpc_url=self._url,
            mint=self.mint,
            file=self.file,
            passphrase=begun["passphrase"],
            owner=self.owner_address,
        )
        restored = self._must(self.delegate, "restore", key_hash=main["key_hash"])
        self._check(
            "hand_over",
            self.delegate,
            restored["status"] == "active",
            "restores the session in a process of its own, which has no key of the owner's",
        )
        self._spends(books, main)
        self._expires(short)
        self._revokes(main)
        self._reclaims(books, main, "reclaim", "session", BUDGET - PRICE)
        self._reclaims(books, short, "reclaim_short", "short session", SHORT_BUDGET)
        books.close()
        self._check("balances", self.owner, books.agree, "every base unit and every lamport is accounted for")

    @property
    def _url(self) -> str:
        return self.rpc.url

    def _open_books(self) -> SolanaBooks:
        self.owner_address = self._must(self.owner, "wallet")["address"]
        delegate = self._must(self.delegate, "wallet")["address"]
        self.payee = SigningKey.generate().address
        self.mint = self.rpc.call("valetkey_makeMint", 6)
        for address in (self.owner_address, delegate):
            self.rpc.call("requestAirdrop", address, SOL)
        home = self.rpc.call("valetkey_giveTokens", self.owner_address, self.mint, WEALTH)
        # Until it is final.
        self.rpc.call("valetkey_warpSlots", 3)
        self.books = books = SolanaBooks(self.rpc)
        for name, address in (
            ("owner", self.owner_address),
            ("owner's USDC", home),
            ("delegate", delegate),
            ("payee", self.payee),
            ("payee's USDC", account_of(self.payee, self.mint)),
        ):
            books.add(name, address)
        return books

    def _session(self, books: SolanaBooks, step: str, name: str, units: int, seconds: int) -> dict[str, Any]:
        made = self._must(
            self.owner, "create_session", label=name, limit=format_units(units, 6), seconds=seconds
        )
        account, nonce = accounts_of(self.owner_address, made["wallet"], self.mint)
        books.add_new(name, account)
        books.add_new(f"{name}'s nonce", nonce)
        books.expect("owner's USDC", -units)
        books.expect(name, units)
        self._check(
            step,
            self.owner,
            self._taken(made) == units,
            f"opens an account for {seconds} seconds, approves the session's key, and signs the end in advance;"
            " the key could take",
            units=units,
        )
        return made

    def _spends(self, books: SolanaBooks, main: dict[str, Any]) -> None:
        paid = self._must(
            self.delegate,
            "spend",
            key_hash=main["key_hash"],
            to=self.payee,
            amount=format_units(PRICE, 6),
            idempotency_key="first",
        )
        books.expect("session", -PRICE)
        books.expect("payee's USDC", PRICE)
        self._check(
            "spend",
            self.delegate,
            paid["state"] == "captured",
            "asks the gate, and pays out of the session's account",
            units=PRICE,
            tx_hash=paid["tx_hash"],
        )
        again = self._must(
            self.delegate,
            "spend",
            key_hash=main["key_hash"],
            to=self.payee,
            amount=format_units(PRICE, 6),
            idempotency_key="first",
        )
        self._check(
            "spend_again",
            self.delegate,
            again == paid,
            "asks once more with the same idempotency key: it is the same payment",
        )
        self._refused(
            "over_budget",
            f"asks the gate for more than the {format_units(BUDGET - PRICE, 6)} USDC that are left",
            "budget_exceeded",
            "spend",
            units=TOO_MUCH,
            key_hash=main["key_hash"],
            to=self.payee,
            amount=format_units(TOO_MUCH, 6),
            idempotency_key="too much",
        )
        self._around(
            "over_budget_around_the_gate",
            main,
            "goes around the gate and signs for it all the same: the token program refuses (custom error 1)",
            TOO_MUCH,
            '{"Custom": 1}',
        )

    def _expires(self, short: dict[str, Any]) -> None:
        time.sleep(max(0.0, short["expires_at"] + 1 - time.time()))
        self._refused(
            "expired_session",
            "asks for a payment from the session whose seconds are over",
            "session_expired",
            "spend",
            units=MIXED,
            key_hash=short["key_hash"],
            to=self.payee,
            amount=format_units(MIXED, 6),
            idempotency_key="late",
        )
        ended = self._must(self.delegate, "end", session_id=short["session_id"])
        late = ended["lateness_seconds"]
        self._check(
            "expired_on_chain",
            self.delegate,
            0 <= late < 20 and self._taken(short) == 0,
            f"submits the end that the owner signed in advance, {late} s after its time; the key could take",
            units=0,
        )
        self._around(
            "expired_around_the_gate",
            short,
            "goes around the gate with the key that has ended: the token program refuses (custom error 4)",
            MIXED,
            '{"Custom": 4}',
        )

    def _revokes(self, main: dict[str, Any]) -> None:
        done = self._must(self.owner, "revoke", key_hash=main["key_hash"])
        self._check("revoke", self.owner, done["on_chain"], "takes the valet key back, here and on chain")
        self._refused(
            "revoked_session",
            "asks the gate once more",
            "session_revoked",
            "spend",
            units=MIXED,
            key_hash=main["key_hash"],
            to=self.payee,
            amount=format_units(MIXED, 6),
            idempotency_key="after",
        )
        self._around(
            "revoked_around_the_gate",
            main,
            "goes around the gate once more: the token program refuses (custom error 4)",
            MIXED,
            '{"Custom": 4}',
        )

    def _reclaims(self, books: SolanaBooks, made: dict[str, Any], step: str, name: str, left: int) -> None:
        back = self._must(self.owner, "reclaim", key_hash=made["key_hash"])
        books.expect(name, -left)
        books.expect("owner's USDC", left)
        self._check(
            step,
            self.owner,
            parse_units(back["amount"], 6) == left and back["lamports"] > 0,
            f"brings the rest of the {name} home and closes its accounts, whose rent of {back['lamports']}"
            " lamports comes back too",
            units=left,
        )

    def _around(self, step: str, made: dict[str, Any], text: str, units: int, error: str) -> None:
        """The key alone, without leave: what it meets is the token program."""
        answer = self.delegate.tell("go_around", key_hash=made["key_hash"], payee=self.payee, units=units)
        refusal = answer.get("refusal")
        said = "" if refusal is None else refusal["message"].replace("'", '"')
        self._check(step, self.delegate, error in said, text, units=units, refusal=refusal)

    def _taken(self, made: dict[str, Any]) -> int:
        told = self._must(self.owner, "exposure", key_hash=made["key_hash"])
        return parse_units(told["usdc"], 6)
