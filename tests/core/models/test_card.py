import json

import pytest

from core.errors import ModelNotReadyError
from core.models.card import parse_card, read_card


@pytest.fixture
def raw(tiny_weights):
    return json.loads((tiny_weights / "cnn" / "card.json").read_text())


def test_a_card_keeps_the_order_of_its_labels(raw):
    raw["labels"] = ["b", "a"]
    assert parse_card(raw).labels == ("b", "a")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("labels", ["glioma"], "two or more different names"),
        ("labels", ["glioma", "glioma"], "two or more different names"),
        ("labels", "glioma", "two or more different names"),
        ("input_size", 8, "16 to 1024 pixels. Received: 8"),
        ("input_size", True, "16 to 1024 pixels"),
        ("temperature", 0, "0.01 to 100"),
        ("temperature", float("nan"), "0.01 to 100"),
        ("threshold", 1.2, "0 to 1. Received: 1.2"),
        ("seed", "0", "whole number from 0. Received: '0'"),
        ("seed", -1, "whole number from 0. Received: '-1'"),
        ("sha256", "abc", "64 hexadecimal digits"),
    ],
)
def test_a_broken_value_is_named(raw, key, value, message):
    raw[key] = value
    with pytest.raises(ModelNotReadyError, match=message):
        parse_card(raw)


def test_missing_keys_are_listed(raw):
    del raw["labels"], raw["sha256"]
    with pytest.raises(ModelNotReadyError, match="Missing: labels, sha256"):
        parse_card(raw)


def test_broken_json_is_not_ready(tmp_path):
    (tmp_path / "card.json").write_text("{")
    with pytest.raises(ModelNotReadyError, match=r"card.json must be JSON"):
        read_card(tmp_path)
