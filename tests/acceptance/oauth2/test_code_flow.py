"""The authorization code flow, in the forms in which real clients use it."""

import base64
import hashlib
import secrets

import pytest
from support.browser import Browser, params
from support.user import User, claims_of, good

APP = "rainmaker://com.espressif.novahome/success"
CLIENT = "1h7ujqjs8140n17v0ahb4n51m2"
TOKENS = {"id_token", "access_token", "refresh_token"}


@pytest.fixture(scope="module")
def app_cloud(tmp_path_factory):
    """A cloud that knows the phone app as a client."""
    from support.cloud import LocalCloud

    folder = tmp_path_factory.mktemp("oauth")
    settings = folder / "settings.toml"
    settings.write_text(f'[[oauth-client]]\nid = "{CLIENT}"\nredirects = ["{APP}"]\n')
    cloud = LocalCloud(folder / "cloud", "--config", str(settings)).start()
    yield cloud
    cloud.close()


@pytest.fixture
def person(app_cloud):
    return User(app_cloud).sign_up()


def code_of(cloud, person, **more):
    """The code that the app gets, by the address that SDK and Android app build."""
    browser = Browser()
    asked = {"redirect_uri": APP, "client_id": CLIENT, "response_type": "code", **more}
    browser.request("GET", f"{cloud.base}/authorize", params=asked)
    assert browser.page.status_code == 200, browser.page.text
    browser.submit(user_name=person.name, password=person.password)
    to = browser.follow()
    assert to.startswith(f"{APP}?"), to
    return params(to)["code"]


@pytest.mark.parametrize("path", ["/token", "/oauth2/token"])
@pytest.mark.parametrize("where, response_type", [("params", "code"), ("data", "code"), ("data", "CODE")])
def test_login_with_oauth_as_the_sdks_and_the_app_do_it(app_cloud, person, path, where, response_type):
    """SDK 2 puts all parameters into the query and sends an empty body, SDK 3 and Android a form."""
    code = code_of(app_cloud, person, response_type=response_type)
    asked = {"grant_type": "authorization_code", "client_id": CLIENT, "code": code, "redirect_uri": APP}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    http = app_cloud.http()
    tokens = good(http.post(path, headers=headers, **{where: asked}))
    assert TOKENS <= tokens.keys() and tokens["token_type"] == "Bearer"
    told = good(http.get("/v1/user2", headers={"Authorization": tokens["access_token"]}))
    assert told["user_name"] == person.name
    # What the apps do an hour later.
    fresh = good(http.post("/v1/login2", json={"refreshtoken": tokens["refresh_token"]}))
    assert fresh["accesstoken"] and fresh["idtoken"]
    again = http.post(path, headers=headers, **{where: asked})
    assert again.status_code == 400 and again.json()["error"] == "invalid_grant", again.text


def test_a_challenge_is_answered_by_its_verifier_alone(app_cloud, person):
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    code = code_of(app_cloud, person, code_challenge=challenge, code_challenge_method="S256", nonce="n-1")
    asked = {"grant_type": "authorization_code", "client_id": CLIENT, "code": code, "redirect_uri": APP}
    for wrong in ({}, {"code_verifier": secrets.token_urlsafe(48)}):
        assert app_cloud.http().post("/token", data={**asked, **wrong}).json()["error"] == "invalid_grant"
    tokens = good(app_cloud.http().post("/token", data={**asked, "code_verifier": verifier}))
    assert claims_of(tokens["id_token"])["nonce"] == "n-1"


def test_a_wrong_password_shows_the_page_again(app_cloud, person):
    browser = Browser()
    browser.request("GET", f"{app_cloud.base}/authorize", params={"redirect_uri": APP, "client_id": CLIENT, "response_type": "code"})
    browser.submit(user_name=person.name, password="Wrong-1234")
    assert browser.page.status_code == 400 and "incorrect user name or password" in browser.page.text
    browser.submit(password=person.password)
    assert browser.follow().startswith(f"{APP}?code=")


def test_the_command_line_signs_in_by_a_browser(cloud, new_cli, new_user):
    person = new_user()
    cli = new_cli(cloud.base)
    cli.sign_in_by_browser(person.name, person.password)
    printed = cli.good("getuserinfo")
    assert person.name in printed, printed
    cli.good("logout")


def test_the_pages_style_is_the_one_that_its_policy_allows(cloud):
    page = Browser().open(f"{cloud.base}/login?port=9999")
    style = page.text.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.headers["content-security-policy"]
