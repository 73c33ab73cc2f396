from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltokd.model import Secret, Session
from dsqltokd.serial import session_from_json, session_to_json

moments = st.floats(0, 1e11)
sessions = st.builds(
    Session,
    access_key_id=st.text(),
    secret_access_key=st.builds(Secret, st.text()),
    session_token=st.builds(Secret, st.text()),
    obtained_at=moments,
    expires_at=moments,
)


@given(st.none() | sessions)
def test_a_session_comes_back_from_json_as_it_went(session: Session | None) -> None:
    assert session_from_json(json.loads(json.dumps(session_to_json(session)))) == session


GOOD = session_to_json(Session("ASIA", Secret("k"), Secret("t"), 1.0, 2.0)) or {}


@pytest.mark.parametrize(
    "found",
    [{}, {**GOOD, "expires_at": "soon"}, {**GOOD, "obtained_at": None}, [], "x", 1, *({n: GOOD[n]} for n in GOOD)],
    ids=json.dumps,
)
def test_anything_else_is_no_session(found: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        session_from_json(found)
