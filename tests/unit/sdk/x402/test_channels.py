"""How channels are counted: whatever a seller says and wherever a process dies, no voucher is for more than asked."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.state import StateFolder
from valetkey.sdk.x402.channels import CLOSED, Channel, Channels, opened, seller_of
from valetkey.sdk.x402.notes import Note, Notes
from valetkey.wire.channels import ChannelConfig, ChannelDeposit, Voucher

WALLET, PAYEE, TOKEN = (PrivateKey.generate().address for _ in range(3))
UNITS = 1_000


def deposit(salt: int = 1, amount: int = UNITS) -> ChannelDeposit:
    channel = ChannelConfig(
        payer=WALLET,
        payer_authorizer=WALLET,
        receiver=PAYEE,
        receiver_authorizer=PAYEE,
        token=TOKEN,
        withdraw_delay=900,
        salt=f"0x{salt:064x}",
    )
    return ChannelDeposit(
        chain_id=84532,
        name="USDC",
        version="2",
        channel=channel,
        amount=str(amount),
        valid_after="0",
        valid_before="9",
        salt="0x" + "00" * 32,
        signature="0x" + "00" * 65,
    )


def channel(first: int = 10, *, landed: bool = True) -> Channel:
    return Channel(deposit(), "hold_1", first, first, "GET", "https://a.example/", 1, landed=landed)


def voucher(total: int) -> Voucher:
    return Voucher(chain_id=84532, channel_id="0x" + "11" * 32, total=str(total), signature="0x" + "00" * 65)


def test_each_request_is_counted_on_top_of_the_one_before() -> None:
    asked = channel(10).asks("a", 5)
    assert asked is not None
    assert (asked.base, asked.asked) == (15, 15)
    assert asked.pending is not None
    assert asked.pending.total == 15
    assert asked.signed().pending is None
    assert asked.unsigned() == channel(10)


def test_until_the_deposit_is_seen_totals_begin_anew() -> None:
    asked = channel(10, landed=False).asks("b", 5)
    assert asked is not None
    assert (asked.base, asked.asked) == (5, 15)


def test_a_channel_gives_no_more_than_it_was_opened_with() -> None:
    assert channel(UNITS - 5).asks("a", 6) is None
    assert channel(UNITS - 5).asks("a", 5) is not None
    full = channel(UNITS)
    assert full.asks_again("a", UNITS, 1) is None


def test_a_seller_that_charged_more_than_was_asked_for_gets_no_voucher() -> None:
    counted = channel(10).asks("a", 5)
    assert counted is not None
    assert counted.signed().asks_again("a", 15, 5) is None
    again = counted.signed().asks_again("a", 4, 5)
    assert again is not None
    assert (again.base, again.asked) == (9, 15)


Move = tuple[str, int, int]
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["ask", "again", "die", "land"]), st.integers(1, 60), st.integers(0, 2 * UNITS)
    ),
    max_size=40,
)


@given(MOVES)
@settings(max_examples=300)
def test_NO_OVERSPEND_whatever_a_seller_says_of_totals(moves: list[Move]) -> None:
    """A model of the seller's best: all vouchers that were sent, of which the highest is claimed."""
    now, asked, sent, last = channel(10, landed=False), 10, [10], 10
    for kind, units, charged in moves:
        if kind == "land":
            now = Channel(
                now.deposit,
                now.spend_id,
                now.base,
                now.asked,
                now.method,
                now.url,
                now.opened_at,
                landed=True,
            )
            continue
        counted = now.asks_again("n", charged, last) if kind == "again" else now.asks("n", units)
        if counted is None:
            continue
        if kind == "die":
            # Killed before the voucher was kept: it was sent to nobody.
            assert counted.unsigned() == now
            now = counted.unsigned()
            continue
        if kind == "ask":
            asked, last = asked + units, units
        assert counted.pending is not None
        sent.append(counted.pending.total)
        now = counted.signed()
        assert max(sent) <= min(asked, UNITS)
        assert now.base <= now.asked == asked


def test_what_was_cut_off_is_counted_only_when_its_voucher_is_kept(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    channels, notes = Channels(folder), Notes(folder)
    seller = seller_of(WALLET, "a.example", PAYEE)
    name = channels.new(seller)
    taken = notes.take("ab" * 32, keyed=False)
    assert taken is not None
    counted = channel(10).asks(taken.name, 5)
    assert counted is not None
    channels.keep(name, counted)
    assert channels.read(name) == channel(10)
    notes.keep(taken, Note(b"", channel=name, voucher=voucher(15)))
    assert channels.read(name) == counted.signed()
    notes.keep(taken, Note(b"", channel=name, voucher=voucher(14)))
    assert channels.read(name) == channel(10)
    notes.keep(taken, Note(b"", channel="another", voucher=voucher(15)))
    assert channels.read(name) == channel(10)
    notes.release(taken)


def test_channels_are_found_by_seller_and_by_wallet_the_oldest_first(tmp_path: Path) -> None:
    channels = Channels(StateFolder(tmp_path))
    seller, other = (seller_of(WALLET, host, PAYEE) for host in ("a.example", "b.example"))
    assert seller != other
    names = [channels.new(one) for one in (seller, seller, other, seller)]
    for age, name in enumerate(reversed(names)):
        made = opened(deposit(age), "hold_1", 10, "GET", "https://a.example/")
        channels.keep(name, made)
    last = channels.read(names[0])
    assert last is not None
    assert last.opened_at > 0
    assert [name for name, _ in channels.with_seller(seller)] == [names[3], names[1], names[0]]
    assert [name for name, _ in channels.of_wallet(WALLET)] == names[::-1]
    assert channels.of_wallet(PAYEE) == []
    import msgspec

    channels.keep(names[1], msgspec.structs.replace(last, state=CLOSED))
    assert [name for name, _ in channels.with_seller(seller)] == [names[3], names[0]]
    channels.drop(names[0])
    assert channels.read(names[0]) is None


def test_one_payer_at_a_time_has_the_turn_of_a_seller(tmp_path: Path) -> None:
    channels, others = Channels(StateFolder(tmp_path)), Channels(StateFolder(tmp_path))
    turn = channels.try_turn("a")
    assert turn is not None
    assert others.try_turn("a") is None
    channels.end_turn(turn)
    again = others.try_turn("a")
    assert again is not None
    others.end_turn(again)
