"""Locks: what makes a key out of a real secret, for keys at rest. Who keeps the bytes is a store's affair."""

from valetkey.crypto.locks.age import AgeLock as AgeLock
from valetkey.crypto.locks.header import Header as Header
from valetkey.crypto.locks.header import NewerRecord as NewerRecord
from valetkey.crypto.locks.lock import Lock as Lock
from valetkey.crypto.locks.os_keyring import KeyringLock as KeyringLock
from valetkey.crypto.locks.passphrase import Argon2 as Argon2
from valetkey.crypto.locks.passphrase import PassphraseLock as PassphraseLock
