import pytest

from auth_service.accounts import handles


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypa", "раура"),  # all Cyrillic
        ("mina", "rnina"),
        ("mina1", "minal"),
        ("MONA", "mona"),
        ("m0na", "mona"),
        ("MIna", "mlna"),
        ("ｍｉｎａ", "mina"),
    ],
)
def test_what_looks_alike_has_one_skeleton(one: str, other: str) -> None:
    assert handles.skeleton(one) == handles.skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("mina", "nina"), ("민아입니다", "미나입니다"), ("mina", "mina7"), ("민아", "민애")],
)
def test_what_looks_different_has_two(one: str, other: str) -> None:
    assert handles.skeleton(one) != handles.skeleton(other)


@pytest.mark.parametrize(
    "handle", ["mina_민아", "한글Kim", "みなこ漢字カナ", "λίμνη", "Łukasz", "раура"]
)
def test_scripts_that_are_written_together_are_taken(handle: str) -> None:
    assert list(handles.mistakes(handles.normal(handle))) == []


@pytest.mark.parametrize("handle", ["pаypal", "mіna", "민аra", "минаß", "αbc"])
def test_scripts_that_are_mistaken_for_each_other_are_not_mixed(handle: str) -> None:
    (mistake,) = handles.mistakes(handles.normal(handle))
    assert "must not mix letters of" in mistake


@pytest.mark.parametrize("handle", ["admin", "Support", "ROOT", "guest-1234"])
def test_names_of_those_in_charge_are_reserved(handle: str) -> None:
    assert list(handles.mistakes(handle)) == ["is reserved; choose another one"]
