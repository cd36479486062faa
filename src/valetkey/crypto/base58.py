"""Base58 with Bitcoin's alphabet and without a checksum: how Solana writes keys, addresses and signatures."""

from valetkey.crypto.errors import InvalidAddress

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
ADDRESS_BYTES = 32
CHARS_MAX = 128
"""More than any key, address or signature has: reading takes time that grows with the square of the length."""

_CHUNK_CHARS = 10
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}


def encode(data: bytes) -> str:
    """Bytes as base58; each leading zero byte is a 1."""
    number = int.from_bytes(data, "big")
    letters = []
    while number:
        number, value = divmod(number, 58)
        letters.append(ALPHABET[value])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return ALPHABET[0] * zeros + "".join(reversed(letters))


def decode(text: str, *, chars_max: int = CHARS_MAX) -> bytes:
    """Bytes of a base58 text. Raises InvalidAddress for a letter that base58 has not, and for more than 128 letters.

    `chars_max`: for what is no key, address or signature and may be longer.
    """
    if not isinstance(text, str) or len(text) > chars_max:
        raise InvalidAddress("this is too long to be base58 of a key, an address or a signature")
    number = 0
    for at in range(0, len(text), _CHUNK_CHARS):
        # By chunks that fit a machine's word: each letter by itself takes ten times as long for long texts.
        chunk, low = text[at : at + _CHUNK_CHARS], 0
        for letter in chunk:
            value = _VALUES.get(letter)
            if value is None:
                raise InvalidAddress("base58 has no 0, O, I and l, and nothing but letters and digits")
            low = low * 58 + value
        number = number * 58 ** len(chunk) + low
    zeros = len(text) - len(text.lstrip(ALPHABET[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def is_solana_address(text: str) -> bool:
    """Whether a text is an address of Solana: 32 bytes in base58. Whose account it is, is not asked."""
    try:
        return len(decode(text)) == ADDRESS_BYTES
    except InvalidAddress:
        return False
