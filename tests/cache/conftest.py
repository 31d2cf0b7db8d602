"""An imitation of Ubuntu 18.04 on loopback, and the command `package-cache` run against it."""

from tests.cli.conftest import _short_pauses, world  # noqa: F401  # fixtures
