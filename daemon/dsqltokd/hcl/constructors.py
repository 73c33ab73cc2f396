"""What makes collections: `[…]` and `{…}`, listed or by a `for`."""

from __future__ import annotations

from typing import NoReturn

from .followers import FollowerParser
from .source import join_spans
from .syntax import Expression, For, ObjectConstructor, ObjectKey, TupleConstructor
from .tokens import EOF, IDENT, NEWLINE, Token

_FOR = "Invalid 'for' expression"


class ConstructorParser(FollowerParser):
    """Reads constructors of collections."""

    def tuple_constructor(self) -> Expression:
        """Read `[…]`."""
        opening = self.read()
        self.newlines_end(False)
        if self.next_is_word("for"):
            return self._for(opening, "]")
        elements: list[Expression] = []
        while self.token.kind != "]":
            elements.append(self.expression())
            if self.token.kind == ",":
                self.read()
            elif self.token.kind != "]":
                self._unterminated("tuple", "bracket", opening)
                self.fail(
                    "Missing item separator", "Expected a comma to mark the beginning of the next item.", self.token
                )
        closing = self.read()
        self.newlines_before()
        return TupleConstructor(join_spans(opening, closing), tuple(elements), opening)

    def _unterminated(self, what: str, closer: str, opening: Token) -> None:
        if self.token.kind == EOF:
            self.fail(
                f"Unterminated {what} constructor expression",
                f"There is no corresponding closing {closer} before the end of the file.",
                opening,
            )

    def object_constructor(self) -> Expression:
        """Read `{…}`."""
        opening = self.read()
        self.newlines_end(False)
        if self.next_is_word("for"):
            return self._for(opening, "}")
        self.newlines_before()
        self.newlines_end(True)
        items: list[tuple[ObjectKey, Expression]] = []
        while True:
            while self.token.kind == NEWLINE:
                self.read()
            if self.token.kind == "}":
                break
            items.append(self._item(opening))
            if self.token.kind in (",", NEWLINE):
                self.read()
            elif self.token.kind != "}":
                self._unterminated("object", "brace", opening)
                self.fail(
                    "Missing attribute separator",
                    "Expected a newline or comma to mark the beginning of the next attribute.",
                    self.token,
                )
        closing = self.read()
        self.newlines_before()
        return ObjectConstructor(join_spans(opening, closing), tuple(items), opening)

    def _item(self, opening: Token) -> tuple[ObjectKey, Expression]:
        key = self.expression()
        if self.token.kind not in ("=", ":"):
            self._no_separator(opening)
        self.read()
        return ObjectKey(key.span, key), self.expression()

    def _no_separator(self, opening: Token) -> NoReturn:
        if self.token.kind in (NEWLINE, ","):
            self.fail(
                "Missing attribute value",
                'Expected an attribute value, introduced by an equals sign ("=").',
                self.token,
            )
        self._unterminated("object", "brace", opening)
        detail = 'Expected an equals sign ("=") to mark the beginning of the attribute value.'
        if self.token.kind == IDENT:
            detail += " A name with periods or spaces in it has to be written in quotes."
        self.fail("Missing key/value separator", detail, self.token)

    def _for(self, opening: Token, closer: str) -> Expression:
        self.read()
        key_name, value_name = self._for_names()
        collection = self.expression()
        if self.token.kind != ":":
            self.fail(_FOR, "For expression requires a colon after the collection expression.", self.token)
        self.read()
        key, value = None, self.expression()
        if self.token.kind == "=>":
            self.read()
            key, value = value, self.expression()
        ellipsis = self.read() if self.token.kind == "..." else None
        condition = None
        if self.next_is_word("if"):
            self.read()
            condition = self.expression()
        if self.token.kind != closer:
            self.fail(_FOR, "Extra characters after the end of the 'for' expression.", self.token)
        span = join_spans(opening, self.read())
        self.newlines_before()
        self._check_result(closer, key, value, ellipsis)
        return For(
            span,
            key_name=key_name,
            value_name=value_name,
            collection=collection,
            key=key,
            value=value,
            condition=condition,
            group=ellipsis is not None,
            open_span=opening,
        )

    def _for_names(self) -> tuple[str | None, str]:
        if self.token.kind != IDENT:
            self.fail(_FOR, "For expression requires variable name after 'for'.", self.token)
        key_name, value_name = None, self.read().text
        if self.token.kind == ",":
            self.read()
            if self.token.kind != IDENT:
                self.fail(_FOR, "For expression requires value variable name after comma.", self.token)
            key_name, value_name = value_name, self.read().text
        if not self.next_is_word("in"):
            self.fail(_FOR, "For expression requires the 'in' keyword after its name declarations.", self.token)
        self.read()
        return key_name, value_name

    def _check_result(self, closer: str, key: Expression | None, value: Expression, ellipsis: Token | None) -> None:
        if closer == "}":
            if key is None:
                self.note(_FOR, "Key expression is required when building an object.", value.span)
            return
        if key is not None:
            self.note(_FOR, "Key expression is not valid when building a tuple.", key.span)
        if ellipsis is not None:
            self.note(_FOR, "Grouping ellipsis (...) cannot be used when building a tuple.", ellipsis)
