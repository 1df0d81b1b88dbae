"""Identifiers as people write them: one spelling of each, what is made up, what is left out."""

import json
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.errors import BadSignal
from domain.identifiers import MAILBOX, PLACEHOLDER, is_person
from signals.identifiers.normalization import MOST, IdentifierReader, read_identifiers
from signals.identifiers.phone_regions import region_of
from signals.identifiers.rules import IdentityRules, ListChanges


def words(text: str) -> list[str]:
    return text.split()


CONSUMER = words(
    """
    126.com 139.com 163.com 189.cn abv.bg aim.com alice.it aliyun.com aol.com aol.de arcor.de
    att.net azet.sk bbox.fr bell.net bellsouth.net bigpond.com bigpond.net.au bk.ru bluewin.ch
    bol.com.br btinternet.com centrum.cz centurylink.net charter.net citromail.hu comcast.net
    cox.net daum.net docomo.ne.jp duck.com earthlink.net eircom.net email.cz ezweb.ne.jp
    fastmail.com foxmail.com free.fr freemail.hu freenet.de frontier.com gazeta.pl gmail.com
    gmx.at gmx.ch gmx.de gmx.net googlemail.com hanmail.net hey.com hispeed.ch home.nl
    hotmail.be hotmail.co.uk hotmail.com hotmail.de hotmail.es hotmail.fr hotmail.it hotmail.nl
    hotmail.se hushmail.com i.ua icloud.com ig.com.br iinet.net.au inbox.lv inbox.ru
    indiatimes.com interia.pl juno.com kakao.com kpnmail.nl laposte.net libero.it list.ru
    live.ca live.com live.co.uk live.de live.fr live.it live.nl mac.com mail.com mail.ru
    mailbox.org mailinator.com maktoob.com me.com msn.com mweb.co.za mynet.com nate.com
    naver.com netzero.net neuf.fr nifty.com o2.pl online.no onet.pl optonline.net
    optusnet.com.au orange.fr otenet.gr outlook.at outlook.com outlook.com.br outlook.de
    outlook.es outlook.fr outlook.jp pm.me posteo.de prodigy.net.mx proton.me protonmail.com
    q.com qq.com rambler.ru rediffmail.com rocketmail.com rogers.com sapo.pt sbcglobal.net
    seznam.cz sfr.fr shaw.ca sina.com sky.com skynet.be softbank.ne.jp sohu.com spray.se
    suddenlink.net suomi24.fi sympatico.ca t-online.de talktalk.net telenet.be telia.com
    telus.net terra.com.br tin.it tiscali.it tlen.pl tuta.io tutanota.com tutanota.de ukr.net
    uol.com.br verizon.net videotron.ca virgilio.it virginmedia.com walla.co.il wanadoo.es
    wanadoo.fr web.de windstream.net wp.pl xs4all.nl xtra.co.nz ya.ru yahoo.ca yahoo.co.id
    yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.com.ar yahoo.com.au yahoo.com.br
    yahoo.com.mx yahoo.com.sg yahoo.com.tw yahoo.de yahoo.es yahoo.fr yahoo.gr yahoo.ie yahoo.in
    yahoo.it yahoo.pl yandex.by yandex.com yandex.kz yandex.ru yeah.net ymail.com yopmail.com
    ziggo.nl zoho.com
    """
)
COMPANIES = words(
    """
    abb.com accenture.com acme.com adidas.com allianz.de amazon.com apple.com bayer.com
    bbc.co.uk bmw.de bosch.com bp.com canva.com cisco.com deloitte.com facebook.com gazprom.ru
    github.com google.com hitachi.co.jp ibm.com infosys.com kpmg.com lg.com livenation.com
    meta.com microsoft.com mit.edu mueller.de nestle.com novartis.com orange.com
    petrobras.com.br philips.com proximus.com rakuten.co.jp samsung.com sap.com shell.com
    siemens.com sony.com spotify.com stripe.com swisscom.com tata.com telekom.de test.ac.uk
    toyota.co.jp uber.com vodafone.com volvo.se yahooligans.com
    """
)


@pytest.mark.parametrize("domain", CONSUMER)
def test_an_address_that_anybody_can_have_tells_of_no_company(domain: str) -> None:
    assert read_identifiers({"email": f"ann.lee@{domain}"}).account == ""


@pytest.mark.parametrize("domain", COMPANIES)
def test_a_companys_address_tells_of_it(domain: str) -> None:
    assert read_identifiers({"email": f"ann.lee@{domain}"}).account


def test_a_home_changes_the_lists() -> None:
    rules = IdentityRules(
        consumer_domains=ListChanges(add=("Town-Net.example.org",), remove=("web.de",)),
        mailboxes=ListChanges(add=("Hotline",), remove=("team",)),
    )
    read = IdentifierReader(rules).read
    assert not read({"email": "ann@town-net.example.org"}).account
    assert read({"email": "ann@web.de"}).account
    assert read({"email": "hotline@acme.com"}).keys[0][0] == MAILBOX
    assert read({"email": "team@acme.com"}).keys[0][0] == "2"
    assert rules.digest != IdentityRules().digest


labels = st.text("abcäöüßéñøåçčłабвгδλпрмюя中文日本한국", min_size=3, max_size=12).filter(
    lambda text: not text[0].isdigit()
)


def spellings(label: str) -> list[str]:
    """A domain's label in Unicode, decomposed, in capitals, in full-width letters, in ASCII."""
    plain = label.encode("idna").decode() if "ß" not in label else label
    wide = "".join(chr(ord(c) + 0xFEE0) if "a" <= c <= "z" else c for c in label)
    upper = label.upper() if label.upper().lower() == label else label
    return [label, normalize("NFD", label), wide, upper, plain]


@limits(max_examples=150, deadline=None)
@given(labels)
def test_an_address_is_one_in_all_spellings_of_its_domain(label: str) -> None:
    keys: set[object] = set()
    for spelt in spellings(label):
        try:
            keys.add(read_identifiers({"email": f"ann.lee@{spelt}.de"}).keys)
        except BadSignal as bad:  # IDNA allows no such name: then in no spelling
            keys.add(bad.rule)
    assert len(keys) == 1


@pytest.mark.parametrize(
    "same",
    [
        (
            "ann@acme.com",
            "ANN@ACME.com",
            " ann@Acme.COM ",
            "ann＠acme.com",
            "ａｎｎ@ａｃｍｅ．ｃｏｍ",
        ),
        ("josé@acme.com", "jose\u0301@acme.com", "JOSÉ@acme.com"),
        ("ann@acme.com", "\u200bann@acme.com\ufeff", "ann@acme。com"),
    ],
)
def test_one_address_in_several_spellings(same: tuple[str, ...]) -> None:
    assert len({read_identifiers({"email": address}).keys for address in same}) == 1


MADE_UP = words(
    """
    noemail@noemail.com none@none.com test@test.com na@na.na x@x.x no@email.com asdf@asdf.asdf
    nobody@acme.com abc@abc.com qwertz@gmail.com 123@123.com fake@fake.com sinemail@sinemail.es
    keine@keine.de no-reply@acme.com noreply@acme.com test123@acme.com sin.correo@acme.es
    pasdemail@orange.fr nomail@nomail.fr aaa@aaa.aaa foo@bar.com unknown@unknown.com xxx@xxx.com
    brak@brak.pl geenmail@geenmail.nl ingen@epost.no noemail@acme.com no.email@gmail.com
    notprovided@notprovided.com user@example.com ann@example.org asdfgh@gmail.com
    sememail@hotmail.com
    """
)
ROLES = words(
    """
    info@ accueil@ kontakt@ contacto@ vertrieb@ buchhaltung@ compta@ direction@ ventas@ compras@
    segreteria@ amministrazione@ comercial@ financeiro@ administratie@ verkoop@ biuro@
    sekretariat@ kundtjanst@ myynti@ kundeservice@ obchod@ ertekesites@ vanzari@ satis@ zakaz@
    buh@ eigyo@ kefu@ Sales-EMEA@ info.de@ Customer.Service@ office2@ rezeption@ hr@ einkauf@
    empfang@ secretariat@
    """
)
PEOPLE = words(
    """
    ann ann.lee jo bo m.rossi rose.hall frank.sales mark will grace.info per.hansen max infante
    sam.support.lee maria-kontos sally adam salim officer.jones jose noemi nora tess testa asda
    """
)


@pytest.mark.parametrize("address", MADE_UP)
def test_a_made_up_address_joins_nobody(address: str) -> None:
    keys = read_identifiers({"email": address}).keys
    assert not any(map(is_person, keys))


@pytest.mark.parametrize("local", ROLES)
def test_an_address_of_a_role_joins_nobody_and_tells_of_the_company(local: str) -> None:
    known = read_identifiers({"email": f"{local}acme-industries.fr"})
    assert known.keys[0][0] == MAILBOX
    assert known.account


@pytest.mark.parametrize("local", PEOPLE)
def test_a_persons_address_is_theirs(local: str) -> None:
    (key,) = read_identifiers({"email": f"{local}@acme.com"}).keys
    assert is_person(key)


NOTHING = """
(blank)|[none]|-|--|.|tbd|n.a.|N/A|not provided|Keine|sin email|ninguno|desconocido|inconnu|null|
NULL|<null>|"none"|unknown|#N/A|не указано|なし|未知|brak|yok|nincs|ei ole|0000|k.A.|?|_|///
""".replace("\n", "").split("|")  # fmt: skip


@pytest.mark.parametrize("value", NOTHING)
@pytest.mark.parametrize("kind", ["crm_id", "user_id", "cookie", "device"])
def test_a_word_for_nothing_joins_nobody(kind: str, value: str) -> None:
    keys = read_identifiers({kind: value}).keys
    assert [key[0] for key in keys] == [PLACEHOLDER]


@pytest.mark.parametrize("value", NOTHING)
@pytest.mark.parametrize("kind", ["phone", "email"])
def test_beside_another_identifier_it_is_left_out(kind: str, value: str) -> None:
    known = read_identifiers({"crm_id": "L7", kind: value})
    assert len(known.keys) == 1
    assert [one.where for one in known.left_out] == [kind]


@pytest.mark.parametrize(
    "number",
    [
        "+1 111 111 1111", "+49 123456789", "+1 212 555 0123", "+1-555-555-5555", "+44 7700 900123",
        "+1 800 000 0000", "+1 234 567 8901", "+49 30 1234567", "+33 1 99 00 12 34",
        "+44 20 7946 0958", "+61 491 570 156",
    ],
)  # fmt: skip
def test_a_made_up_telephone_joins_nobody(number: str) -> None:
    assert read_identifiers({"phone": number}).keys[0][0] == PLACEHOLDER


EXTENSIONS = ["ext. {}", "ext {}", "x{}", "x {}", ";ext={}", "extension {}", "#{}", "Durchwahl {}",
              "DW {}", "poste {}", "int. {}", "доб. {}", "anexo {}"]  # fmt: skip


@limits(max_examples=60, deadline=None)
@given(st.integers(10, 9999), st.integers(10, 9999), st.sampled_from(EXTENSIONS))
def test_the_extension_is_part_of_the_number(one: int, other: int, form: str) -> None:
    def key(extension: int) -> object:
        return read_identifiers({"phone": f"+1 650 253 0000 {form.format(extension)}"}).keys

    assert key(one) == read_identifiers({"phone": f"+16502530000;ext={one}"}).keys
    assert (key(one) == key(other)) is (one == other)
    assert key(one) != read_identifiers({"phone": "+16502530000"}).keys


def test_a_national_number_is_read_by_the_homes_region() -> None:
    american = IdentifierReader(IdentityRules(phone_region="US")).read
    for national in (
        "(850) 644-4200",
        "850.644.4200",
        "1-850-644-4200",
        "８５０－６４４－４２００",
    ):
        assert american({"phone": national}) == read_identifiers({"phone": "+18506444200"})
    with pytest.raises(BadSignal) as caught:
        read_identifiers({"phone": "(850) 644-4200"})
    assert caught.value.rule == "identifier-phone-region"
    with pytest.raises(BadSignal):
        american({"phone": "644-4200"})  # another number in each town


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=700),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
kinds = st.sampled_from(["email", "phone", "cookie", "device", "user_id", "account_id", "name"])


@limits(max_examples=300, deadline=None)
@given(st.dictionaries(kinds | st.text(max_size=12), anything, max_size=6))
def test_no_bad_identifier_loses_what_a_good_one_names(bad: dict[str, object]) -> None:
    bad.pop("crm_id", None)
    good = read_identifiers({"crm_id": "L-42"})
    known = read_identifiers({"crm_id": "L-42", **bad})
    assert good.keys[0] in known.keys
    assert all(one.rule.startswith("identifier-") for one in known.left_out)


@pytest.mark.parametrize("kind", ["cookie", "email", "unheard-of"])
def test_a_list_of_identifiers_is_refused_whole(kind: str) -> None:
    values = [f"value{n}@acme.com" for n in range(MOST + 1)]
    with pytest.raises(BadSignal) as caught:
        read_identifiers({"crm_id": "L1", kind: values})
    assert caught.value.rule == "too-many-identifiers"
    assert len(read_identifiers({"cookie": values[:MOST]}).keys) == MOST


def test_no_message_holds_a_value() -> None:
    for kind in ("email", "phone", "crm_id", "Zanzibar"):
        for value in ("Zanzibar", ["Zanzibar"] * 60, 42, "Zanzibar" * 99):
            try:
                told = str(read_identifiers({kind: value}))
            except BadSignal as bad:
                told = str(bad) + bad.what + bad.rule
            assert "Zanzibar" not in json.dumps(told)


@pytest.mark.parametrize(
    ("country", "region"),
    [
        ("US", "US"), ("usa", "US"), ("U.S.A.", "US"), ("United States", "US"), ("GBR", "GB"),
        ("UK", "GB"), ("England", "GB"), ("Deutschland", "DE"), ("Allemagne", "DE"),
        ("España", "ES"),
        ("Espana", "ES"), ("The Netherlands", "NL"), ("Schweiz", "CH"), ("日本", "JP"),
        ("Россия", "RU"), ("South Korea", "KR"), ("Atlantis", ""), ("", ""),
    ],
)  # fmt: skip
def test_countries_as_people_write_them(country: str, region: str) -> None:
    assert region_of(country) == region
