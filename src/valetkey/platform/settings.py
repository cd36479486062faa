"""Settings of the platform, read once at the start. An unknown name stops it: a typing error is not a default."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from valetkey.core.policy import LIFETIME_SECONDS_MAX, LIFETIME_SECONDS_MIN
from valetkey.crypto.secret import Secret
from valetkey.platform.limits import PER_MINUTE, Limit
from valetkey.platform.networks import NetworkSettings, check_once
from valetkey.platform.variables import PREFIX, SettingsError, Variables
from valetkey.wire.sign_in import LOOPBACK

MASTER_SECRET_CHARS_MIN = 32
STEP_WAIT_SECONDS_MAX = 8
LOG_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
"""As Python's logging numbers them."""
REQUESTS_MAX = 512
"""So many requests a process works on at a time: a good tenth of a second of what it can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a platform needs to know; see `from_env` for the names.

    `database` is a SQLite file, the path `:memory:` for a store that ends with the process, or the URL of a PostgreSQL
    database, which is a secret because its password is one. Times are seconds, `registration_units` is base units of
    USDC, limits are requests per minute and key.
    """

    database: Path | Secret
    networks: tuple[NetworkSettings, ...]
    master_secret: Secret
    webhook_secret: Secret
    test_mode: bool = False
    checkout_seconds: int = 1_800
    proof_wait_seconds: int = 20
    approval_seconds: int = 3_600
    claim_seconds_max: int = 86_400
    session_seconds_min: int = LIFETIME_SECONDS_MIN
    session_seconds_max: int = LIFETIME_SECONDS_MAX
    registration_units: int = 1_000_000
    graduation_score: int = 10
    trusted_proxies: tuple[str, ...] = ()
    rate_limits: bool = True
    rates: Mapping[Limit, int] = field(default_factory=lambda: PER_MINUTE)
    reconcile_seconds: float = 15.0
    anchor_seconds: float = 5.0
    alert_seconds: float = 15.0
    webhook_seconds: float = 2.0
    body_bytes_max: int = 1_048_576
    requests_max: int = REQUESTS_MAX
    webhooks_waiting_max: int = 10_000
    relayer_key: Secret | None = None
    relayer_wei_day: int = 50_000_000_000_000_000
    relayer_owner_wei_day: int = 5_000_000_000_000_000
    relayer_fee_wei_max: int = 100_000_000_000
    relayer_patience_seconds: int = 60
    resolver_key: Secret | None = None
    operator_token: Secret | None = None
    follow_seconds: float = 4.0
    relay_seconds: float = 2.0
    allotment_seconds: int = 60
    public_urls: tuple[str, ...] = ()
    enrollment_seconds: int = 900
    enrollments_open_max: int = 10_000
    sign_in_domains: tuple[str, ...] = (LOOPBACK,)
    log_level: str = "info"
    otel_endpoint: Secret | None = None
    promotions_trusted: bool = False
    master_secret_other: Secret | None = None
    operator_token_other: Secret | None = None

    def __post_init__(self) -> None:
        if not self.networks:
            raise SettingsError(f"{PREFIX}NETWORKS names at least one network")
        if not check_once(self.networks):
            raise SettingsError(f"{PREFIX}NETWORKS names each network once")
        if all(one.is_solana for one in self.networks):
            raise SettingsError(
                f"{PREFIX}NETWORKS names an EVM chain, too: owners are known by their wallets there"
            )
        if len(self.master_secret.reveal()) < MASTER_SECRET_CHARS_MIN:
            raise SettingsError(f"{PREFIX}MASTER_SECRET has at least {MASTER_SECRET_CHARS_MIN} characters")
        other = self.master_secret_other
        if other is not None and len(other.reveal()) < MASTER_SECRET_CHARS_MIN:
            raise SettingsError(
                f"{PREFIX}MASTER_SECRET_OTHER has at least {MASTER_SECRET_CHARS_MIN} characters"
            )
        second = self.operator_token_other
        if second is not None and (
            self.operator_token is None or len(second.reveal()) < MASTER_SECRET_CHARS_MIN
        ):
            raise SettingsError(
                f"{PREFIX}OPERATOR_TOKEN_OTHER is a second one, of at least {MASTER_SECRET_CHARS_MIN} characters"
            )
        if not self.webhook_secret:
            raise SettingsError(f"{PREFIX}WEBHOOK_SECRET is missing")
        if not 1 <= self.session_seconds_min <= self.session_seconds_max:
            raise SettingsError("the bounds of a session's life are 1 second or more, and in order")
        if self.operator_token is not None and len(self.operator_token.reveal()) < MASTER_SECRET_CHARS_MIN:
            raise SettingsError(f"{PREFIX}OPERATOR_TOKEN has at least {MASTER_SECRET_CHARS_MIN} characters")

        endpoint = self.otel_endpoint
        if endpoint is not None and not endpoint.reveal().startswith(("https://", "http://")):
            raise SettingsError(f"{PREFIX}OTEL_ENDPOINT is an address such as http://127.0.0.1:4318")

    @property
    def master_secrets(self) -> tuple[Secret, ...]:
        """What may have sealed or made something: the one that does so now first."""
        other = self.master_secret_other
        return (self.master_secret,) if other is None else (self.master_secret, other)

    @property
    def operator_tokens(self) -> tuple[Secret, ...]:
        """What an operator may call with."""
        return tuple(one for one in (self.operator_token, self.operator_token_other) if one is not None)

    @property
    def step_wait_seconds(self) -> int:
        """Patience for what our node may see a block later: a few seconds, no confirmations are waited for."""
        return min(self.proof_wait_seconds, STEP_WAIT_SECONDS_MAX)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Settings from VALETKEY_* variables. Raises SettingsError.

        DATABASE: path of the SQLite file, `:memory:`, or a postgresql:// URL; or DATABASE_FILE: a file that holds it.
        NETWORKS: a JSON list of NetworkSettings in camelCase; or NETWORKS_FILE, a file that holds it.
        MASTER_SECRET and WEBHOOK_SECRET, or the same with _FILE: a file that holds it.
        TEST_MODE=1: http callbacks on loopback, lives of seconds, no balance gate, no rate limits.
        PROOF_WAIT_SECONDS: how long a claim that the chain does not show yet is looked up again before the answer.
        APPROVAL_SECONDS: how long a spend above a threshold waits for its owner.
        CLAIM_SECONDS_MAX: how long a one-time claim may wait for its claimant.
        CHECKOUT_SECONDS, SESSION_SECONDS_MIN, SESSION_SECONDS_MAX, REGISTRATION_USDC, GRADUATION_SCORE,
        TRUSTED_PROXIES: addresses or networks, with commas, whose X-Forwarded-For is believed; nobody's unless named.
        REQUESTS_MAX: how many requests a process works on at a time; more are answered 503 (512).
        WEBHOOKS_WAITING_MAX: of one agent; with more, what makes events for it is answered 503 (10000).
        RATE_LIMITS (0 or 1), RECONCILE_SECONDS, ANCHOR_SECONDS, ALERT_SECONDS, WEBHOOK_SECONDS: see Settings.
        RELAYER_KEY (or _FILE): the private key of an account that sends what sessions with grants sign, and pays the
        gas; none unless given. RELAYER_ETH_DAY and RELAYER_OWNER_ETH_DAY: what it spends in any 24 hours and on each
        network, in all and for one owner (0.05 and 0.005); RELAYER_GWEI_MAX: the most per gas (100);
        RELAYER_PATIENCE_SECONDS: after how long without a block more is offered (60).
        OPERATOR_TOKEN (or _FILE): who has it may resolve disputes. RESOLVER_KEY (or _FILE): the resolver's key, which
        sends what the operator decides.
        FOLLOW_SECONDS, RELAY_SECONDS: how often the events of grants, and the relayer's queue, are looked at.
        ALLOTMENT_SECONDS: how often it is looked what moved out of each account of a session on Solana.
        PUBLIC_URLS: where this platform is reached from outside, with commas, such as https://pay.example.com; signed
        requests name it. Unless given, it is what each request says, which a proxy may change.
        ENROLLMENT_SECONDS: how long an enrolment waits for its owner. ENROLLMENTS_OPEN_MAX: how many wait at once.
        RATE_GENERAL, RATE_PUBLIC, RATE_GUESS, RATE_SEARCH, RATE_CHECKOUT, RATE_FUND, RATE_DELIVER, RATE_CONFIRM,
        RATE_ENROLL, RATE_CLAIM, RATE_SIGN_IN: requests a minute and key.
        SIGN_IN_DOMAINS: which sites may ask a wallet for a sign-in, with commas: `loopback` (this machine, any port),
        studio.example.com, or `none`.
        OTEL_ENDPOINT (or _FILE): the address of a collector of traces, OTLP over HTTP; none unless given.
        LOG_LEVEL: from which level on something is in the log: debug, info, warning, error.
        MASTER_SECRET_OTHER and OPERATOR_TOKEN_OTHER (or _FILE): accepted as well, while one takes the other's place.
        PROMOTIONS_TRUSTED (0 or 1): a replica of PostgreSQL that takes over has lost nothing, and is served at once.
        """
        names = Variables(os.environ if environ is None else environ)
        test_mode = names.flag("TEST_MODE", False)
        settings = cls(
            database=_database(names.secret("DATABASE")),
            networks=_networks(names.secret("NETWORKS").reveal()),
            master_secret=names.secret("MASTER_SECRET"),
            webhook_secret=names.secret("WEBHOOK_SECRET"),
            test_mode=test_mode,
            checkout_seconds=names.number("CHECKOUT_SECONDS", 1_800),
            proof_wait_seconds=names.number("PROOF_WAIT_SECONDS", 20, least=0),
            approval_seconds=names.number("APPROVAL_SECONDS", 3_600),
            claim_seconds_max=names.number("CLAIM_SECONDS_MAX", 86_400),
            session_seconds_min=names.number("SESSION_SECONDS_MIN", 1 if test_mode else LIFETIME_SECONDS_MIN),
            session_seconds_max=names.number("SESSION_SECONDS_MAX", LIFETIME_SECONDS_MAX),
            registration_units=names.usdc("REGISTRATION_USDC", "0" if test_mode else "1"),
            graduation_score=names.number("GRADUATION_SCORE", 10),
            trusted_proxies=names.addresses("TRUSTED_PROXIES"),
            rate_limits=names.flag("RATE_LIMITS", not test_mode),
            requests_max=names.number("REQUESTS_MAX", REQUESTS_MAX),
            webhooks_waiting_max=names.number("WEBHOOKS_WAITING_MAX", 10_000),
            rates={limit: names.number(f"RATE_{limit.upper()}", PER_MINUTE[limit]) for limit in Limit},
            reconcile_seconds=names.number("RECONCILE_SECONDS", 2 if test_mode else 15),
            anchor_seconds=names.number("ANCHOR_SECONDS", 1 if test_mode else 5),
            alert_seconds=names.number("ALERT_SECONDS", 1 if test_mode else 15),
            webhook_seconds=names.number("WEBHOOK_SECONDS", 1 if test_mode else 2),
            relayer_key=names.maybe_secret("RELAYER_KEY"),
            relayer_wei_day=names.eth("RELAYER_ETH_DAY", "0.05"),
            relayer_owner_wei_day=names.eth("RELAYER_OWNER_ETH_DAY", "0.005"),
            relayer_fee_wei_max=names.number("RELAYER_GWEI_MAX", 100) * 10**9,
            relayer_patience_seconds=names.number("RELAYER_PATIENCE_SECONDS", 60),
            resolver_key=names.maybe_secret("RESOLVER_KEY"),
            operator_token=names.maybe_secret("OPERATOR_TOKEN"),
            follow_seconds=names.number("FOLLOW_SECONDS", 1 if test_mode else 4),
            relay_seconds=names.number("RELAY_SECONDS", 1 if test_mode else 2),
            public_urls=names.urls("PUBLIC_URLS"),
            enrollment_seconds=names.number("ENROLLMENT_SECONDS", 900),
            enrollments_open_max=names.number("ENROLLMENTS_OPEN_MAX", 10_000),
            allotment_seconds=names.number("ALLOTMENT_SECONDS", 2 if test_mode else 60),
            otel_endpoint=names.maybe_secret("OTEL_ENDPOINT"),
            log_level=names.one_of("LOG_LEVEL", LOG_LEVELS, "info"),
            sign_in_domains=names.domains("SIGN_IN_DOMAINS", LOOPBACK),
            promotions_trusted=names.flag("PROMOTIONS_TRUSTED", False),
            master_secret_other=names.maybe_secret("MASTER_SECRET_OTHER"),
            operator_token_other=names.maybe_secret("OPERATOR_TOKEN_OTHER"),
        )
        names.check_all_known()
        return settings


def database_from_env(environ: Mapping[str, str] | None = None) -> Path | Secret:
    """What VALETKEY_DATABASE names, and nothing else. Raises SettingsError."""
    return _database(Variables(os.environ if environ is None else environ).secret("DATABASE"))


def _database(given: Secret) -> Path | Secret:
    if given.reveal().startswith(("postgresql://", "postgres://")):
        return given
    if "://" in given.reveal():
        raise SettingsError(f"{PREFIX}DATABASE is a path, or begins with postgresql://")
    return Path(given.reveal())


def _networks(text: str) -> tuple[NetworkSettings, ...]:
    problem = ""
    try:
        return msgspec.json.decode(text, type=tuple[NetworkSettings, ...])
    except msgspec.MsgspecError as error:
        # The decoder names places and types, and a provider's key in a URL is neither.
        problem = str(error)
    raise SettingsError(f"{PREFIX}NETWORKS: {problem}")
