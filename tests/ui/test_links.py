import pytest
from streamlit.testing.v1 import AppTest


def page():
    import streamlit as st

    from ui import links

    links.follow("model", ["cnn", "vgg16"], "cnn")
    value = st.selectbox("Model", ["cnn", "vgg16"], key="model")
    links.publish("model", value)
    st.button("Again", key="again")
    st.text(value)


def opened(**params):
    at = AppTest.from_function(page, default_timeout=60)
    for key, value in params.items():
        at.query_params[key] = value
    return at.run()


def test_a_link_chooses_and_the_choice_is_written_back():
    at = opened(model="vgg16")
    assert at.text[0].value == "vgg16"
    at.selectbox[0].set_value("cnn").run()
    assert at.text[0].value == "cnn"
    assert at.query_params["model"] == "cnn"
    assert not at.warning


def test_no_link_takes_the_default_and_writes_it():
    at = opened()
    assert at.text[0].value == "cnn"
    assert at.query_params["model"] == "cnn"
    assert not at.warning


@pytest.mark.parametrize("given", ["../x", "", "CNN", "x" * 5000])
def test_an_invalid_link_warns_until_something_is_chosen(given):
    at = opened(model=given)
    assert at.text[0].value == "cnn"
    assert "Received:" in at.warning[0].value
    assert len(at.warning[0].value) < 200
    at.button[0].click().run()
    assert at.warning
    at.selectbox[0].set_value("vgg16").run()
    assert not at.warning


def test_markup_is_shown_as_text():
    warning = opened(model="![x](http://example.org/x.png)<b>").warning[0].value
    assert "![x](" not in warning
    assert "http://" not in warning
    assert "<b>" not in warning.replace("\\<b\\>", "")


def long_page():
    from ui import links

    links.follow("sample", [f"slice-{n}" for n in range(1, 25)], "slice-1")


def test_a_long_list_of_options_is_cut_short():
    at = AppTest.from_function(long_page, default_timeout=60)
    at.query_params["sample"] = "other"
    said = at.run().warning[0].value
    assert "is one of: slice-1, slice-2, slice-3, …, slice-24. Received: 'other'." in said
