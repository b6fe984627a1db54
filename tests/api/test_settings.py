import pytest

from api.main import create_app
from api.settings import ServiceSettings, load_settings
from core.errors import SettingsError, UnknownModelError


def test_lists_are_separated_by_commas(monkeypatch):
    monkeypatch.setenv("GLIALENS_API_KEYS", "one, two")
    monkeypatch.setenv("GLIALENS_CORS_ORIGINS", "https://a.example")
    settings = load_settings()
    assert settings.api_keys == ("one", "two")
    assert settings.cors_origins == ("https://a.example",)


def test_an_empty_variable_counts_as_none(monkeypatch):
    monkeypatch.setenv("GLIALENS_API_KEYS", "")
    monkeypatch.setenv("GLIALENS_DEFAULT_MODEL", "")
    assert load_settings().api_keys == ()
    assert load_settings().default_model is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("API_KEYS", "top-secret,", "separated by commas"),
        ("API_KEYS", " , ", "separated by commas"),
        ("API_KEYS", "sha256:top-secret", "64 lower-case hexadecimal digits"),
        ("QUEUE_LENGTH", "0", "greater than or equal to 1"),
        ("RATE_LIMIT", "many", "valid integer"),
    ],
)
def test_a_bad_value_is_named_but_never_repeated(monkeypatch, name, value, words):
    monkeypatch.setenv(f"GLIALENS_{name}", value)
    with pytest.raises(SettingsError, match=f"GLIALENS_{name} is not valid.*{words}") as caught:
        load_settings()
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value.__context__ and caught.value.__cause__)


def test_settings_name_only_known_models():
    with pytest.raises(UnknownModelError, match="Received: 'resnet'"):
        create_app(ServiceSettings(default_model="resnet"))
    with pytest.raises(UnknownModelError, match="Received: 'resnet'"):
        create_app(ServiceSettings(models=("cnn", "resnet")))


def test_only_the_wanted_models_are_offered(make_client):
    client = make_client(models=("cnn",))
    assert [model["name"] for model in client.get("/models").json()["models"]] == ["cnn"]
