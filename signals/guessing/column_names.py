"""What the name of a column says, in words of sales and of software, English first."""

import re

from signals.mapping.slug import slug

_WRAPPER = re.compile(r"^(?:(?:properties|attributes|fields|data|values)\.)+", re.IGNORECASE)
"""Objects that only hold a record's columns, as HubSpot's and PostHog's `properties` do."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words_of(name: str) -> str:
    """The words of a column's name: small letters, joined by underscores.

    >>> words_of("StageName"), words_of("Deal - Won time"), words_of("properties.CRMId")
    ('stage_name', 'deal_won_time', 'crm_id')
    """
    return slug(_HUMP.sub(" ", _WRAPPER.sub("", name)))


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|_)(?:{'|'.join(alternatives)})(?=_|$)")


STAFF = _words(
    "owner", "rep", "agent", "assigned", "assignee", "manager", "salesperson", "sales_person",
    "sdr", "sr", "bdr", "ae", "created_by", "modified_by", "updated_by", "added_by", "team",
    "creator", "betreuer", "besitzer",
)  # fmt: skip
"""Who works the lead: often given at the handover, and a score should not hang on it."""

LEAD = _words("lead", "contact", "prospect", "person", "customer", "mql", "deal", "opportunity",
              "record", "client", "kunde", "kunden")  # fmt: skip
OTHER_THING = _words(
    "account", "company", "organi[sz]ation", "campaign", "product", "order", "invoice", "session",
    "page", "landing_page", "list", "form", "seller", "parent", "master", "pipeline", "stage",
    "currency", "portal", "team", "project", "app", "network", "event", "message", "ad", "creative",
)  # fmt: skip
KEY = re.compile(r"(?:^|_)(?:id|ids|guid|uuid|key|nr|number|no|nummer)$")
EMAIL = _words("e_?mail", "mail", "e_mail_address")
PHONE = _words("phone", "mobile", "tel", "telephone", "telefon", "cell", "fax", "whatsapp")
COMPANY_KEY = _words("domain", "website", "company_id", "account_id", "organi[sz]ation_id",
                     "associated_company_id")  # fmt: skip
PERSON_NAME = re.compile(
    r"^(?:full_?name|name|contact_name|lead_name|person_name|contact_person|contact|person)$"
)
NAME_PART = _words("first_?name", "last_?name", "surname", "given_name", "family_name",
                   "middle_name", "vorname", "nachname", "salutation", "suffix")  # fmt: skip
USER = re.compile(r"^(?:user_id|userid|distinct_id|customer_user_id)$")
COOKIE = re.compile(r"^(?:anonymous_id|domain_userid|user_pseudo_id|cookie|cookie_id|visitor_id)$")

PERSONAL = _words(
    "street", "address", "address_line", "postcode", "postal_code", "zip", "zip_code", "plz",
    "ip", "ip_address", "birth", "birthday", "birthdate", "date_of_birth", "dob", "ssn", "tax_id",
    "linkedin", "twitter", "facebook", "instagram", "skype", "iban", "latitude", "longitude",
    "passport", "password",
)  # fmt: skip
PROTECTED = _words("gender", "sex", "age", "race", "ethnicity", "religion", "nationality",
                   "marital", "disability")  # fmt: skip

CREATED = _words(
    "created", "create", "creation", "added", "add", "first_contact", "first_seen", "inquiry",
    "enquiry", "signup", "sign_up", "signed_up", "registered", "registration", "received",
    "submitted", "submission", "entered", "lead_date", "lead_time", "angelegt", "erstellt",
)  # fmt: skip
PLAIN_TIME = re.compile(r"^(?:date|time|timestamp|ts|datetime|datum|when|at)$")
UPDATED = _words("updated", "update", "modified", "last_modified", "changed", "change", "touched",
                 "system_modstamp")  # fmt: skip
EXPECTED = _words("expected", "forecast", "next", "due", "planned", "reminder")
WON_TIME = _words("won", "converted", "conversion", "customer", "closed_won", "sold", "purchased",
                  "gewonnen")  # fmt: skip
LOST_TIME = _words("lost", "disqualified", "rejected", "unqualified", "verloren")
CLOSED_TIME = _words("closed", "close", "closing", "decided", "decision", "completed")

OUTCOME = _words("converted", "won", "win", "is_won", "closed_won", "success", "successful",
                 "outcome", "target", "label", "purchased", "sold", "gewonnen")  # fmt: skip
STAGE = _words("stage", "stage_name", "status", "state", "result", "lifecycle", "phase",
               "disposition", "outcome")  # fmt: skip

OUR_ACTION = re.compile(
    r"^(?:(?:utm|our|ls|leadscore)_)?(?:action_?id|effect_?(?:key|id)|decision_?id)$"
    r"|^(?:utm|our|ls|leadscore)_(?:action|effect|decision)$"
)
"""The id of an action of ours that comes back: an effect's, a decision's, in a link's utm tags."""

EVENT = re.compile(r"^(?:event|event_name|event_type|activity|activity_type|action)$")

LATE = (
    (_words("last", "latest", "recent", "notable"), "the last thing that happened, often the end"),
    (_words("lost", "loss", "reason", "disqualified", "unqualified", "churn"), "why it ended"),
    (_words("closed", "close", "closing", "won", "converted", "conversion"), "tells of the end"),
    (_words("amount", "revenue", "value", "deal_size", "acv", "arr", "mrr", "contract", "invoice",
            "price", "discount"), "an amount is agreed on the way to the end"),
    (_words("probability", "forecast", "forecast_category", "score", "index", "grade", "rating",
            "rank", "predictive", "predicted", "likelihood"), "somebody's judgement of the lead"),
    (_words("quality", "lead_profile", "tag", "tags", "temperature", "priority", "label"),
     "somebody's judgement of the lead"),
    (_words("stage", "status", "lifecycle", "pipeline", "phase", "disposition", "progress"),
     "shows how far the lead has come by now"),
    (_words("next", "follow_up", "next_step", "next_activity"), "changes on the way to the end"),
    (_words("note", "notes", "comment", "comments", "remark", "remarks", "description", "feedback"),
     "written on the way to the end"),
    (_words("updated", "update", "modified", "changed", "days", "duration", "age_in_days",
            "time_in"), "goes on changing until the export"),
)  # fmt: skip
"""Names of what is written with the outcome or after it, with why."""

HONEST = _words(
    "annual_revenue", "yearly_revenue", "company_revenue", "num(?:ber)?_(?:of_)?employees",
    "lead_source", "source_description",
)  # fmt: skip
"""Names that hold such a word, and tell of the company or of where the lead came from."""


def late_by_name(name: str) -> str:
    """Why a column is likely to be written after a lead could be scored; "" where it is not."""
    words = words_of(name)
    if HONEST.search(words):
        return ""
    return next((why for pattern, why in LATE if pattern.search(words)), "")
