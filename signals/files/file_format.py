"""How a file of rows is read: what no file says about itself."""

from typing import Annotated, Literal

import msgspec


class FileFormat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of file, as far as its reader must know it.

    `columns` names the columns of a file without a header line. `delimiter` is one character,
    `tab`, or `blanks` for runs of blanks and tabs; without it, what a first line such as `sep=;`
    says, and else a comma. `skip_lines` leaves out so many lines before the header, such as titles.
    `sheet` is the name of a workbook's sheet; it is needed where there are several. `decimal` is
    the decimal sign of numbers.
    """

    delimiter: Annotated[str, msgspec.Meta(pattern=r"^(?:[^\r\n]|blanks|tab)$")] | None = None
    quote: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = '"'
    encoding: str = "utf-8"
    skip_lines: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    sheet: str | None = None
    decimal: Literal[".", ","] | None = None
    columns: tuple[str, ...] = ()
