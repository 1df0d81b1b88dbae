"""Identifiers that name nobody: mailboxes of several people, and values that stand for none.

The mailbox names are those of RFC 2142 and of everyday use. Both lists are part of what an
identifier means: after a change of them, `leadscore features rebuild` reads the log anew.
"""

MAILBOXES = frozenset(
    [
        "abuse", "accounting", "accounts", "admin", "administration", "all", "billing",
        "bookings", "buchhaltung", "careers", "commercial", "contact", "contacto", "contato",
        "customerservice", "customersupport", "enquiries", "everyone", "events", "facturation",
        "feedback", "finance", "ftp", "hallo", "hello", "help", "helpdesk", "hi", "hostmaster",
        "hr", "info", "information", "inquiries", "invoice", "invoices", "it", "jobs", "kontakt",
        "kundenservice", "legal", "mail", "mailbox", "marketing", "media", "news", "newsletter",
        "noc", "office", "operations", "orders", "partner", "partners", "post", "postmaster",
        "press", "privacy", "purchasing", "rechnung", "reception", "recruiting", "recruitment",
        "reservations", "root", "sales", "security", "service", "shop", "staff", "support",
        "team", "tech", "technik", "usenet", "uucp", "vendas", "ventas", "verkauf", "vertrieb",
        "webmaster", "welcome", "www",
    ]
)  # fmt: skip
"""Local parts of addresses that several people read."""

_NO_REPLY = frozenset(["donotreply", "do-not-reply", "mailer-daemon", "no-reply", "noreply"])
_INVENTED = frozenset(
    [
        "a", "aa", "aaa", "abc", "asd", "asdf", "asdfasdf", "example", "fake", "foo", "none",
        "nobody", "qwerty", "spam", "test", "test1", "test123", "testing", "tester", "testuser",
        "user", "x", "xx", "xxx", "xyz",
    ]
)  # fmt: skip
_NO_DOMAIN = frozenset(
    ["example.com", "example.net", "example.org", "mailinator.com", "test.com", "yopmail.com"]
)
_NO_VALUE = frozenset(
    [
        "-", "-1", "0", "anonymous", "empty", "guest", "n/a", "na", "nan", "nil", "none", "null",
        "test", "undefined", "unknown",
    ]
)  # fmt: skip


def is_mailbox(local: str) -> bool:
    """Whether several people read what is sent to an address with this local part.

    >>> is_mailbox("info"), is_mailbox("info+web"), is_mailbox("ingrid")
    (True, True, False)
    """
    return local.partition("+")[0] in MAILBOXES


def is_invented(local: str, domain: str) -> bool:
    """Whether an address was made up to fill a field, or belongs to a machine.

    >>> is_invented("asdf", "acme.com"), is_invented("ann", "example.com")
    (True, True)
    """
    plain = local.partition("+")[0]
    return domain in _NO_DOMAIN or plain in _INVENTED or plain in _NO_REPLY


def is_placeholder(value: str) -> bool:
    """Whether an id, a cookie or a device name only fills its field: null, zeros, one sign.

    >>> is_placeholder("undefined"), is_placeholder("00000000-0000-0000"), is_placeholder("42")
    (True, True, False)
    """
    return value.lower() in _NO_VALUE or not value.strip("0-:. ")
