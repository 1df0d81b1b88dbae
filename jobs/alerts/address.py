"""The address of a channel: read where it is kept, shown nowhere."""

from config.secret_places import SecretPlace
from jobs.alerts.rules import AlertChannel

RULE = "alert-address"


def address_of(name: str, channel: AlertChannel) -> str:
    """A channel's address, from its variable or its file.

    Raises Missing where there is none, BadConfiguration where others may read its file; neither
    shows any of it.
    """
    return SecretPlace(
        owner=f"channel {name}",
        variable=channel.url_variable,
        file=channel.url_file,
        what="no address",
        rule=RULE,
        todo_variable="Set {where} to an address as Apprise writes it, such as json://host/path.",
        todo_file="Put an address as Apprise writes it into {where}, alone on one line.",
    ).read()
