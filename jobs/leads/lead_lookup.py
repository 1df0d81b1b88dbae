"""Finding a lead by what a person types."""

from domain.errors import BadInput
from domain.identifiers import STRENGTH
from domain.ports import LeadDirectory, LeadRef


def find(directory: LeadDirectory, key: str) -> LeadRef:
    """The lead of a lead id, or of kind:value. Raises UnknownLead or BadInput."""
    if ":" not in key:
        return directory.resolve(key)
    kind, value = identifier_of(key)
    return directory.find({kind: value})


def identifier_of(text: str) -> tuple[str, str]:
    """Kind and value of kind:value. Raises BadInput."""
    kind, colon, value = text.partition(":")
    if not colon or kind not in STRENGTH:
        raise BadInput(
            f"{kind!r} is not a kind of identifier" if colon else "not kind:value",
            rule="identifier-kind",
            todo=f"The kinds are {', '.join(STRENGTH)}.",
        )
    return kind, value
