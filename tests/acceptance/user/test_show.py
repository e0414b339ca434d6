"""`GET /v1/user2`: the caller."""

from support.user import good


def test_both_names_of_the_path_show_the_caller(user):
    shown = good(user.get("/v1/user2"))
    assert shown["user_name"] == user.name and shown["user_id"] and shown["mfa"] is False
    assert "custom_data" not in shown
    assert good(user.get("/v1/user")) == shown


def test_custom_data_is_there_if_asked_for(user):
    for value, there in [("true", True), ("True", True), ("false", False), ("undefined", False), ("", False)]:
        shown = good(user.get(f"/v1/user2?custom_data={value}"))
        assert ("custom_data" in shown) is there, f"custom_data={value}: {shown}"
    assert good(user.get("/v1/user2?custom_data=true"))["custom_data"] == {}


def test_nothing_secret_is_shown(user):
    text = user.get("/v1/user2?custom_data=true").text
    assert user.password not in text and "argon2" not in text and "hash" not in text
