"""The TypeScript SDK's calls for accounts and sessions, unmodified."""

import base64
import json
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from support.sdk import SdkError
from support.user import PASSWORD, new_address

ACCESS, ID, REFRESH = (f"com.esprmbase.{name}Token" for name in ("access", "id", "refresh"))


def rejected(code):
    """A call that is rejected with the contract's number, which apps compare as a number."""

    class Rejected:
        def __enter__(self):
            return self

        def __exit__(self, kind, error, _):
            assert kind is SdkError, "the call was not rejected"
            assert error.error["errorCode"] == code and error.error["description"], error.error
            return True

    return Rejected()


def forget(token):
    """The token with a payload whose time has passed, as the SDK finds it after an hour."""
    head, payload, signature = token.split(".")
    told = json.loads(base64.b64decode(payload + "=" * (-len(payload) % 4)))
    payload = base64.b64encode(json.dumps({**told, "exp": 1}).encode()).decode().rstrip("=")
    return f"{head}.{payload}.{signature}"


def user_id(sdk):
    """The id as the app finds it in the id token."""
    payload = sdk.call("storage.all")[ID].split(".")[1]
    return json.loads(base64.b64decode(payload + "=" * (-len(payload) % 4)))["custom:user_id"]


def test_an_app_signs_up_logs_in_and_knows_the_user(new_sdk, cloud):
    sdk, name = new_sdk(), new_address()
    assert sdk.call("auth.sendSignUpCode", name, PASSWORD)["status"] == "success"
    assert sdk.call("auth.confirmSignUp", name, cloud.code(name))["status"] == "success"
    sdk.call("auth.login", name, PASSWORD, keep="user")
    info = sdk.call("user.getUserInfo")
    assert info["username"] == name and info["userId"] == user_id(sdk), info
    assert sdk.call("storage.all").keys() == {ACCESS, ID, REFRESH}


def test_a_wrong_password_is_an_error_with_its_number(new_sdk, user):
    with rejected(101_009):
        new_sdk().call("auth.login", user.name, "Wrong-1234")


def test_a_wrong_sign_up_code_is_an_error_with_its_number(new_sdk):
    sdk, name = new_sdk(), new_address()
    sdk.call("auth.sendSignUpCode", name, PASSWORD)
    with rejected(101_012):
        sdk.call("auth.confirmSignUp", name, "000000x")


def test_the_app_finds_its_session_again_and_extends_it(sdk, user):
    sdk.call("auth.getLoggedInUser", keep="again")
    assert sdk.call("again.getUserInfo")["username"] == user.name
    before = sdk.call("storage.all")
    sdk.call("storage.set", ACCESS, forget(before[ACCESS]))
    assert sdk.call("again.getUserInfo")["username"] == user.name
    after = sdk.call("storage.all")
    assert after[REFRESH] == before[REFRESH] and after[ACCESS] != forget(before[ACCESS])


def test_a_token_that_is_none_logs_the_app_out(sdk):
    token = sdk.call("storage.all")[ACCESS]
    sdk.call("storage.set", ACCESS, token[:-8] + "AAAAAAAA")
    with rejected(100_047):
        sdk.call("user.getUserInfo")
    assert sdk.call("storage.all") == {}


@pytest.mark.parametrize("all_sessions", [[], [True]])
def test_logging_out_ends_the_session(sdk, user, cloud, all_sessions):
    refresh = sdk.call("storage.all")[REFRESH]
    assert sdk.call("user.logout", *all_sessions)["status"] == "success"
    answer = cloud.http().post("/v1/login2", json={"refreshtoken": refresh})
    assert answer.status_code == 400
    own = cloud.http().post("/v1/login2", json={"refreshtoken": user.tokens["refreshtoken"]})
    assert own.status_code == (400 if all_sessions else 200), "only all sessions are all"


def test_a_forgotten_password_is_set_anew(new_sdk, user, cloud, needs):
    needs("PUT", "/v1/forgotpassword2")
    sdk = new_sdk()
    assert sdk.call("auth.forgotPassword", user.name)["status"] == "success"
    assert sdk.call("auth.setNewPassword", user.name, "Fresh-Pass1", cloud.code(user.name))["status"] == "success"
    with rejected(101_009):
        sdk.call("auth.login", user.name, user.password)
    sdk.call("auth.login", user.name, "Fresh-Pass1", keep="user")
    assert sdk.call("user.getUserInfo")["username"] == user.name


def test_a_password_is_changed(sdk, user, needs):
    needs("PUT", "/v1/password2")
    assert sdk.call("user.changePassword", user.password, "Fresh-Pass1")["status"] == "success"
    assert sdk.call("storage.all") == {}, "the SDK wants to be logged in again"
    sdk.call("auth.login", user.name, "Fresh-Pass1")
    with rejected(101_009):
        sdk.call("auth.login", user.name, user.password)


def test_one_logs_in_by_a_code_from_a_letter(new_sdk, user, cloud):
    sdk = new_sdk()
    try:
        session = sdk.call("auth.requestLoginOTP", user.name)
    except SdkError as error:
        assert error.error["errorCode"] == 101_003, error.error
        pytest.skip("logging in without a password is not there yet")
    assert session
    sdk.call("auth.loginWithOTP", user.name, cloud.code(user.name), session, keep="user")
    assert sdk.call("user.getUserInfo")["username"] == user.name


def test_custom_data_is_kept_shown_and_taken_away(sdk, needs):
    needs("GET", "/v1/user/custom_data")
    assert sdk.call("user.getCustomData") == {}
    zone = {"timeZone": {"value": "Europe/Berlin", "perms": [{"read": ["user"], "write": ["user"]}]}}
    sdk.call("user.setCustomData", zone)
    assert sdk.call("user.getCustomData")["timeZone"]["value"] == "Europe/Berlin"
    sdk.call("user.setGeoCoordinates", {"latitude": "52.5", "longitude": "13.4"})
    assert sdk.call("user.getGeoCoordinates") == {"latitude": "52.5", "longitude": "13.4"}
    shown = sdk.call("user.getUserInfo", True)
    assert shown["customData"]["timeZone"]["value"] == "Europe/Berlin", shown
    sdk.call("user.deleteCustomDataKey", "timeZone")
    assert "timeZone" not in sdk.call("user.getCustomData")


def test_the_users_name_is_changed(sdk, needs):
    needs("PUT", "/v1/user2")
    assert sdk.call("user.updateName", "Ada")["status"] == "success"
    assert sdk.call("user.getUserInfo")["name"] == "Ada"


def test_an_account_is_deleted(sdk, user, cloud, needs):
    needs("DELETE", "/v1/user2")
    assert sdk.call("user.requestAccountDeletion")["status"] == "success"
    assert sdk.call("user.confirmAccountDeletion", cloud.code(user.name))["status"] == "success"
    with rejected(101_009):
        sdk.call("auth.login", user.name, user.password)


# Signing in by a browser.


class _Form(HTMLParser):
    """The first form of a page: where it goes, and what it holds."""

    def __init__(self, page):
        super().__init__()
        self.action, self.fields, self.inside = None, {}, False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        if tag == "form" and self.action is None:
            self.action, self.inside = told.get("action") or "", True
        elif tag == "input" and self.inside and told.get("name"):
            self.fields[told["name"]] = told.get("value") or ""

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "form"


def test_an_app_signs_in_by_a_browser(new_sdk, cloud, user, needs):
    needs("GET", "/authorize")
    redirect, seen = "http://localhost:34567/", []

    def browse(url):
        """The app's browser: the page, its form, and back to the app with a code."""
        seen.append(parse_qs(urlsplit(url).query))
        http = cloud.http()
        page = http.get(url.removeprefix(cloud.base))
        assert page.status_code == 200, page.text
        form = _Form(page.text)
        fields = {**form.fields, "user_name": user.name, "password": user.password}
        action = urljoin(url, form.action)
        assert action.startswith(cloud.base), "the form goes nowhere else"
        back = http.post(action.removeprefix(cloud.base), data=fields, allow_redirects=False)
        assert back.status_code in (302, 303) and back.headers["location"].startswith(redirect), back.text
        return parse_qs(urlsplit(back.headers["location"]).query)["code"][0]

    sdk = new_sdk(authUrl=cloud.base, redirectUrl=redirect, clientId="raincloud")
    sdk.answers = {"getOauthCode": browse}
    sdk.call("auth.loginWithOauth", "COGNITO", keep="user")
    assert seen[0]["redirect_uri"] == [redirect] and seen[0]["response_type"] == ["code"], seen
    info = sdk.call("user.getUserInfo")
    assert info["username"] == user.name and info["userId"] == user.id == user_id(sdk)
    # The session is one like any other: it is extended, and it ends.
    tokens = sdk.call("storage.all")
    assert tokens.keys() == {ACCESS, ID, REFRESH}
    sdk.call("storage.set", ACCESS, forget(tokens[ACCESS]))
    assert sdk.call("user.getUserInfo")["username"] == user.name
    assert sdk.call("user.logout")["status"] == "success"
    assert cloud.http().post("/v1/login2", json={"refreshtoken": tokens[REFRESH]}).status_code == 400
