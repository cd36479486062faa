"""The platform that the matrix is played against, for `make matrix` and for its tests alike."""

from pathlib import Path

from tests.attacks.matrix.stages import OPERATOR_TOKEN
from tests.integration.platform.conftest import environment
from valetkey.platform.settings import Settings

ENVIRONMENT = {"VALETKEY_OPERATOR_TOKEN": OPERATOR_TOKEN}
"""Its settings, beside those of every platform of the tests."""


def settings_in(folder: Path) -> Settings:
    """The same platform outside of a test, with its database in this folder."""
    return Settings.from_env({**environment(folder), **ENVIRONMENT})
