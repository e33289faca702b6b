"""The parts of the client that need the kitaru server; without one each method says so."""

from __future__ import annotations

from typing import NoReturn

from kitaru.errors import KitaruFeatureNotAvailableError

__all__ = ["AuthNamespace", "ChangeableNamespace", "DeploymentsNamespace", "ServerOnly"]


class ServerOnly:
    """A namespace whose methods need the server.

    Args:
        name: How the namespace is reached, such as `client.deployments`.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def _refuse(self, method: str) -> NoReturn:
        msg = (
            f"{self._name}.{method}() needs the kitaru server, which this installation does not have. Executions of "
            "the local store are at client.executions, and flows are started with `.run(...)`."
        )
        raise KitaruFeatureNotAvailableError(msg)

    def create(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse; see the class.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        self._refuse("create")

    def get(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse; see the class.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        self._refuse("get")

    def list(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse; see the class.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        self._refuse("list")

    def delete(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse; see the class.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        self._refuse("delete")


class DeploymentsNamespace(ServerOnly):
    """`client.deployments`: versions of flows that the server runs."""

    def __init__(self) -> None:
        super().__init__("client.deployments")

    def invoke(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse; see the class.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        self._refuse("invoke")

    def tag(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse; see the class.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        self._refuse("tag")

    def untag(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse; see the class.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        self._refuse("untag")


class ChangeableNamespace(ServerOnly):
    """Accounts or keys, which can also be changed."""

    def update(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse; see the class.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        self._refuse("update")

    def rotate(self, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse; see the class.

        Raises:
            KitaruFeatureNotAvailableError: Always.
        """
        self._refuse("rotate")


class AuthNamespace:
    """`client.auth`: who may use the server.

    Attributes:
        service_accounts: Accounts of programs.
        api_keys: Their keys.
    """

    def __init__(self) -> None:
        self.service_accounts: ChangeableNamespace = ChangeableNamespace("client.auth.service_accounts")
        self.api_keys: ChangeableNamespace = ChangeableNamespace("client.auth.api_keys")
