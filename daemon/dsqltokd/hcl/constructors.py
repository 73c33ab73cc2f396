"""What makes collections: `[…]` and `{…}`, listed or by a `for`."""

from __future__ import annotations

from typing import NoReturn

from .cursor import Lost
from .followers import FollowerParser
from .source import join_spans
from .syntax import Expression, For, Literal, ObjectConstructor, ObjectKey, TupleConstructor
from .tokens import EOF, IDENT, NEWLINE, Token
from .values import NULL

_FOR = "Invalid 'for' expression"


class ConstructorParser(FollowerParser):
    """Reads constructors of collections. A mistake ends one: what is left of it is skipped."""

    def tuple_constructor(self) -> Expression:
        """Read `[…]`, be it a list of elements or a `for`."""
        opening = self.read()
        self.newlines_end(False)
        if self.next_is_word("for"):
            return self._for(opening, "]")
        elements: list[Expression] = []
        closing: Token | None = None
        while closing is None and self.token.kind != "]":
            try:
                elements.append(self.expression())
            except Lost:
                closing = self.skip_past("]")
                break
            if self.token.kind == ",":
                self.read()
            elif self.token.kind != "]":
                self._unseparated("tuple", opening)
                closing = self.skip_past("]")
        closing = closing or self.read()
        self.newlines_before()
        return TupleConstructor(join_spans(opening, closing), tuple(elements), opening)

    def _unseparated(self, what: str, opening: Token) -> None:
        """Complain that neither a separator nor the end follows an item of a tuple or object."""
        if self.token.kind == EOF:
            self._unterminated(what, opening)
        elif what == "tuple":
            detail = "Expected a comma to mark the beginning of the next item."
            self.complain("Missing item separator", detail, self.token)
        else:
            detail = "Expected a newline or comma to mark the beginning of the next attribute."
            self.complain("Missing attribute separator", detail, self.token)

    def _unterminated(self, what: str, opening: Token) -> None:
        closer = "bracket" if what == "tuple" else "brace"
        detail = f"There is no corresponding closing {closer} before the end of the file."
        self.complain(f"Unterminated {what} constructor expression", detail, opening)

    def object_constructor(self) -> Expression:
        """Read `{…}`, be it a list of items or a `for`."""
        opening = self.read()
        self.newlines_end(False)
        if self.next_is_word("for"):
            return self._for(opening, "}")
        self.newlines_before()
        self.newlines_end(True)
        items: list[tuple[ObjectKey, Expression]] = []
        try:
            closing = self._items(items, opening)
        except Lost:
            closing = self.skip_past("}")
        self.newlines_before()
        return ObjectConstructor(join_spans(opening, closing), tuple(items), opening)

    def _items(self, items: list[tuple[ObjectKey, Expression]], opening: Token) -> Token:
        """Read an object's items up to and including the closing brace, which is returned."""
        while True:
            while self.token.kind == NEWLINE:
                self.read()
            if self.token.kind == "}":
                return self.read()
            key = self.expression()
            if self.token.kind not in ("=", ":"):
                self._no_separator(opening)
                raise Lost
            self.read()
            items.append((ObjectKey(key.span, key), self.expression()))
            if self.token.kind in (",", NEWLINE):
                self.read()
            elif self.token.kind != "}":
                self._unseparated("object", opening)
                raise Lost

    def _no_separator(self, opening: Token) -> None:
        if self.token.kind == EOF:
            self._unterminated("object", opening)
        elif self.token.kind in (NEWLINE, ","):
            detail = 'Expected an attribute value, introduced by an equals sign ("=").'
            self.complain("Missing attribute value", detail, self.token)
        else:
            detail = 'Expected an equals sign ("=") to mark the beginning of the attribute value.'
            if self.token.kind == IDENT:
                detail += " A name with periods or spaces in it has to be written in quotes."
            self.complain("Missing key/value separator", detail, self.token)

    def _for(self, opening: Token, closer: str) -> Expression:
        try:
            return self._for_parts(opening, closer)
        except Lost:
            self.skip_past(closer)
            return Literal(opening, NULL)
        finally:
            self.newlines_before()

    def _for_parts(self, opening: Token, closer: str) -> Expression:
        self.read()
        key_name, value_name = self._for_names()
        collection = self.expression()
        if self.token.kind != ":":
            self._broken_for("For expression requires a colon after the collection expression.")
        self.read()
        key, value = self._for_results()
        ellipsis = self.read() if self.token.kind == "..." else None
        condition = None
        if self.next_is_word("if"):
            self.read()
            condition = self.expression()
        if self.token.kind == closer:
            closing = self.read()
        else:
            self.complain(_FOR, "Extra characters after the end of the 'for' expression.", self.token)
            closing = self.skip_past(closer)
        span = join_spans(opening, closing)
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

    def _for_results(self) -> tuple[Expression | None, Expression]:
        """Read the value, or key and value. A wrong key is no reason not to look at the value."""
        lost = False
        first: Expression | None = None
        try:
            first = self.expression()
        except Lost:
            lost = True
        if self.token.kind != "=>":
            key, value = None, first
        else:
            self.read()
            key, value = first, self.expression()
        if lost or value is None:
            raise Lost
        return key, value

    def _for_names(self) -> tuple[str | None, str]:
        if self.token.kind != IDENT:
            self._broken_for("For expression requires variable name after 'for'.")
        key_name, value_name = None, self.read().text
        if self.token.kind == ",":
            self.read()
            if self.token.kind != IDENT:
                self._broken_for("For expression requires value variable name after comma.")
            key_name, value_name = value_name, self.read().text
        if not self.next_is_word("in"):
            self._broken_for("For expression requires the 'in' keyword after its name declarations.")
        self.read()
        return key_name, value_name

    def _broken_for(self, detail: str) -> NoReturn:
        self.complain(_FOR, detail, self.token)
        raise Lost

    def _check_result(self, closer: str, key: Expression | None, value: Expression, ellipsis: Token | None) -> None:
        if closer == "}":
            if key is None:
                self.note(_FOR, "Key expression is required when building an object.", value.span)
            return
        if key is not None:
            self.note(_FOR, "Key expression is not valid when building a tuple.", key.span)
        if ellipsis is not None:
            self.note(_FOR, "Grouping ellipsis (...) cannot be used when building a tuple.", ellipsis)
