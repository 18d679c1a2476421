"""Every error says three things, and is also the built-in error that it resembles."""

from __future__ import annotations

import inspect

import pytest

from landweave import errors

CHILDREN = [
    child
    for _, child in inspect.getmembers(errors, inspect.isclass)
    if issubclass(child, errors.LandweaveError) and child is not errors.LandweaveError
]


@pytest.mark.parametrize("child", CHILDREN)
def test_an_error_says_what_was_given_expected_and_to_do(child: type[errors.LandweaveError]) -> None:
    text = str(child("band B99", "one of B01, B02", "name a known band"))
    assert text == "given: band B99\nexpected: one of B01, B02\nto do: name a known band"


@pytest.mark.parametrize("child", CHILDREN)
def test_an_error_is_also_a_built_in_error(child: type[errors.LandweaveError]) -> None:
    assert any(
        issubclass(child, builtin) for builtin in (ValueError, OSError, RuntimeError, ImportError, ArithmeticError)
    )
