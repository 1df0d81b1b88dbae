"""Limits, lists and the region of a home; a home that was made by other rules says so."""

import json
from pathlib import Path

import pytest

from config.settings import load_settings
from domain.errors import BadConfiguration
from signals.mapping.mapping import load_mapping
from tests.commands import leadscore
from tests.signals.planes import open_plane

MAPPING = """
name: t
source: t
tables:
  - identifiers:
      crm_id: Id
      email: Email
      name: [First, Last]
      phone: {column: Phone, region: REGION}
    time: Created
    time_zone: UTC
    events:
      - {type: t.lead_created, channel: crm, data: {country: Country}}
"""
HEAD = "Id,Created,Email,First,Last,Phone,Country"


def settings_of(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "settings.yaml").write_text(text)
    load_settings({"LEADSCORE_HOME": str(folder)})


@pytest.mark.parametrize(
    "wrong",
    [
        "identity: {phone_region: Germany}",
        "identity: {limits: {email: {crm_id: 0}}}",
        "identity: {limits: {email: {cookie: 3}}}",
        "identity: {limits: {e_mail: {crm_id: 3}}}",
        "identity: {neighbours: 100000}",
        "identity: {consumer_domains: [a.org]}",
        "identity: {anything: 1}",
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        settings_of(tmp_path, wrong)
    assert caught.value.rule == "settings"


def lines(*rows: str) -> str:
    return "\n".join([HEAD, *rows]) + "\n"


def written(folder: Path, region: str, *rows: str) -> tuple[Path, Path]:
    folder.mkdir(exist_ok=True)
    table, mapping = folder / "l.csv", folder / "m.yaml"
    table.write_text(lines(*rows))
    mapping.write_text(MAPPING.replace("REGION", region))
    return table, mapping


def phones(folder: Path, region: str, *rows: str) -> list[object]:
    table, mapping = written(folder, region, *rows)
    made = [m for m in load_mapping(mapping).documents(table) if not m.rule]
    return [json.loads(m.document)["identifiers"].get("phone", "absent") for m in made]


def test_a_country_column_places_national_numbers(tmp_path: Path) -> None:
    rows = [
        f"L{i},2024-05-01T10:00:00Z,p{i}@acme.com,Ann,Lee,{phone},{country}"
        for i, (phone, country) in enumerate(
            [
                ("(850) 644-4200", "United States"),
                ("850-644-4300 x12", "USA"),
                ("030 901820", "Deutschland"),
                ("+44 20 7031 3000", "US"),
                ("030 901820", ""),
                ("030 901820", "Atlantis"),
                ("n/a", "DE"),
                ("", "DE"),
            ]
        )
    ]
    assert phones(tmp_path, "{column: Country}", *rows) == [
        "+18506444200", "+18506444300;ext=12", "+4930901820", "+442070313000", "030 901820", None,
        "n/a", "absent",
    ]  # fmt: skip
    assert phones(tmp_path, "US", *rows[:1]) == ["+18506444200"]


@pytest.mark.parametrize("region", ["Mars", "us", "usa"])
def test_a_region_that_is_none_is_refused_by_name(tmp_path: Path, region: str) -> None:
    table, mapping = written(tmp_path, region)
    ran = leadscore(tmp_path / "home", "ingest", str(table), "--mapping", str(mapping))
    assert ran.returncode == 2
    assert "ISO 3166" in ran.stderr


def test_what_is_left_out_is_said_and_no_lead_is_lost(tmp_path: Path) -> None:
    row = "L{0},2024-05-01T10:00:00Z,p{0}@acme.com,Ann,Lee,{1},"
    table, mapping = written(
        tmp_path, "{column: Country}", *(row.format(i, "(850) 644-4200") for i in range(3)),
        row.format(3, "n/a"), "L4,2024-05-01T10:00:00Z,no address,Bob,Lee,,",
    )  # fmt: skip
    home = tmp_path / "home"
    ran = leadscore(home, "ingest", str(table), "--mapping", str(mapping), "--json")
    counts = json.loads(ran.stdout)[str(table)]
    assert (counts["accepted"], counts["quarantined"]) == (5, 0)
    assert "5 identifiers" in ran.stderr
    assert "3 phone" in ran.stderr
    assert "identity.phone_region" in ran.stderr
    assert "1 email" in ran.stderr
    shown = json.loads(leadscore(home, "quality", "show", "--gate", "identifiers", "--json").stdout)
    assert {(f["rule"], f["about"], f["found"]) for f in shown} == {
        ("identifier-phone-region", "t/t.lead_created/phone", 3),
        ("identifier-placeholder", "t/t.lead_created/phone", 1),
        ("identifier-email", "t/t.lead_created/email", 1),
    }


def test_limits_are_told_in_words_and_other_rules_are_noticed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings_of(home, "identity: {limits: {email: {crm_id: 3}}}")
    row = "L{},2024-05-01T10:00:00Z,ann@acme.com,,,,US"
    table, mapping = written(tmp_path, "US", *(row.format(i) for i in range(4)))
    assert leadscore(home, "ingest", str(table), "--mapping", str(mapping)).returncode == 0
    shown = leadscore(home, "identity", "show", "email:ann@acme.com")
    assert "4 crm_id, limit 3" in shown.stdout
    assert "rebuild" not in shown.stderr
    settings_of(home, "identity: {limits: {email: {crm_id: 9}}}")
    again = leadscore(home, "ingest", str(table), "--mapping", str(mapping))
    assert "leadscore features rebuild" in again.stderr
    before = leadscore(home, "identity", "show", "crm_id:L1")
    assert "leadscore features rebuild" in before.stderr
    assert leadscore(home, "features", "rebuild").returncode == 0
    after = leadscore(home, "identity", "show", "crm_id:L1")
    assert "4 crm_id, 1 email" in after.stdout
    assert "rebuild" not in after.stderr
    rules = json.loads(leadscore(home, "identity", "rules").stdout)
    assert rules["limits"]["email"]["crm_id"] == 9


def test_an_empty_home_is_of_the_rules_in_force(tmp_path: Path) -> None:
    assert not open_plane(tmp_path).signals.has_other_rules()
