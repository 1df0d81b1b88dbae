"""How amounts of money are marked: the signs of currencies, ISO 4217 codes, and words in use."""

_SIGNS = "$¢£¤¥֏؋৳฿៛₡₦₩₪₫€₭₮₱₲₴₵₸₹₺₼₽₾₿"
_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT
LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR
NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP
STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF
YER ZAR ZMW
"""
_WORDS = ("kr.", "kr", "zł", "Kč", "Ft", "Fr.", "SFr.", "Rs.", "Rs", "RM", "руб.", "лв.")

CURRENCY = (
    rf"(?:[A-Z]{{0,2}}[{_SIGNS}]|{'|'.join(_CODES.split())}"
    rf"|{'|'.join(word.replace('.', chr(92) + '.') for word in _WORDS)})"
)
"""A pattern of one mark: `$`, `US$`, `EUR`, `kr`. The amount stands before or after it."""
