"""Attacks on accounts: guessing codes, finding out who has an account, sessions that outlive their end."""

import statistics
import time

import pytest
from support.user import PASSWORD, User, failed, good, new_address

FRESH = "Fresh-Pass1"


def refreshes(cloud, token):
    """Does the refresh token still give tokens?"""
    return cloud.http().post("/v1/login2", json={"refreshtoken": token}).status_code == 200


def wrong(code):
    """A code of the same form that is another."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


# Guessing codes, each time from another address.


def guess_until_it_is_no_use(guess, code):
    """Guesses; some guesses must make even the right code worthless."""
    for _ in range(15):
        answer = guess(wrong(code))
        assert answer.status_code in (400, 429), answer.text
    return guess(code)


def test_a_sign_up_code_cannot_be_guessed(cloud):
    name = new_address()
    good(cloud.http().post("/v1/user2", json={"user_name": name, "password": PASSWORD}), 201)
    last = guess_until_it_is_no_use(
        lambda code: cloud.http().post("/v1/user2", json={"user_name": name, "verification_code": code}), cloud.code(name)
    )
    assert last.status_code in (400, 429), last.text


def test_the_code_for_a_new_password_cannot_be_guessed(cloud, user, needs):
    needs("PUT", "/v1/forgotpassword2")
    old = cloud.code(user.name)
    good(cloud.http().put("/v1/forgotpassword2", json={"user_name": user.name}))
    code = cloud.code(user.name)
    assert code != old or len(code) < 6

    def guess(code):
        body = {"user_name": user.name, "password": FRESH, "verification_code": code}
        return cloud.http().put("/v1/forgotpassword2", json=body)

    last = guess_until_it_is_no_use(guess, code)
    assert last.status_code in (400, 429), last.text
    good(cloud.http().post("/v1/login2", json={"user_name": user.name, "password": user.password}))


def test_the_code_for_logging_in_cannot_be_guessed(cloud, user):
    begun = cloud.http().post("/v1/login2", json={"user_name": user.name})
    if begun.status_code == 400 and begun.json()["error_code"] == 101_003:
        pytest.skip("logging in without a password is not there yet")
    session, code = good(begun)["session"], cloud.code(user.name)

    def guess(code):
        return cloud.http().post("/v1/login2", json={"user_name": user.name, "session": session, "verification_code": code})

    last = guess_until_it_is_no_use(guess, code)
    assert last.status_code in (400, 429) and "accesstoken" not in last.json(), last.text


def test_the_code_for_deleting_an_account_cannot_be_guessed(cloud, user, needs):
    needs("DELETE", "/v1/user2")
    good(user.request("DELETE", "/v1/user2?request=true"))
    code = cloud.code(user.name)
    last = guess_until_it_is_no_use(lambda code: user.request("DELETE", f"/v1/user2?verification_code={code}"), code)
    assert last.status_code in (400, 429), last.text
    good(cloud.http().post("/v1/login2", json={"user_name": user.name, "password": user.password}))


def test_a_code_for_one_purpose_is_no_code_for_another(cloud, user, needs):
    needs("PUT", "/v1/forgotpassword2")
    needs("DELETE", "/v1/user2")
    good(user.request("DELETE", "/v1/user2?request=true"))
    body = {"user_name": user.name, "password": FRESH, "verification_code": cloud.code(user.name)}
    assert cloud.http().put("/v1/forgotpassword2", json=body).status_code == 400
    good(cloud.http().post("/v1/login2", json={"user_name": user.name, "password": user.password}))


# Who has an account?


def test_how_long_a_login_takes_does_not_tell_who_has_an_account(cloud, user):
    taken = {"known": [], "unknown": []}
    # In turns, so that what else the machine does meets both alike; fewer than lock the account.
    for _ in range(9):
        for who, name in (("known", user.name), ("unknown", new_address())):
            http = cloud.http()
            begin = time.perf_counter()
            failed(http.post("/v1/login2", json={"user_name": name, "password": "Wrong-1234"}), 400, 101_009)
            taken[who].append(time.perf_counter() - begin)
    known, unknown = (statistics.median(taken[who]) for who in ("known", "unknown"))
    # Hashing a password is most of it: leaving that out would be a tenth, or less.
    assert 1 / 3 < unknown / known < 3, f"{unknown * 1000:.1f} ms of an unknown, {known * 1000:.1f} ms of a known user"


@pytest.mark.parametrize(
    "method, path, more",
    [("PUT", "/v1/forgotpassword2", {}), ("PUT", "/v1/forgotpassword2", {"password": None, "verification_code": None})],
)
def test_asking_for_a_new_password_does_not_tell_who_has_an_account(cloud, user, needs, method, path, more):
    needs(method, path)
    known, unknown = (
        cloud.http().request(method, path, json={"user_name": name, **more}) for name in (user.name, new_address())
    )
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())


def test_a_wrong_code_for_a_new_password_does_not_tell_who_has_an_account(cloud, user, needs):
    needs("PUT", "/v1/forgotpassword2")
    good(cloud.http().put("/v1/forgotpassword2", json={"user_name": user.name}))
    answers = [
        cloud.http().put(
            "/v1/forgotpassword2", json={"user_name": name, "password": FRESH, "verification_code": wrong(cloud.code(user.name))}
        )
        for name in (user.name, new_address())
    ]
    assert answers[0].status_code == answers[1].status_code == 400
    assert answers[0].json() == answers[1].json()


def test_asking_for_a_code_to_log_in_does_not_tell_who_has_an_account(cloud, user):
    known, unknown = (cloud.http().post("/v1/login2", json={"user_name": name}) for name in (user.name, new_address()))
    assert known.status_code == unknown.status_code
    assert known.json().keys() == unknown.json().keys()
    sessions = [answer.json().get("session", "") for answer in (known, unknown)]
    assert len(sessions[0]) == len(sessions[1]), "a session for nobody looks like one for somebody"


# Sessions that have ended.


def test_no_other_session_outlives_a_change_of_the_password(cloud, user, needs):
    needs("PUT", "/v1/password2")
    other = User(cloud, user.name, user.password).log_in()
    good(user.put("/v1/password2", {"password": user.password, "newpassword": FRESH}))
    assert not refreshes(cloud, other.tokens["refreshtoken"])
    assert refreshes(cloud, user.tokens["refreshtoken"]), "who changed it goes on"
    failed(cloud.http().post("/v1/login2", json={"user_name": user.name, "password": user.password}), 400, 101_009)


def test_a_stolen_session_does_not_change_the_password_by_guessing(cloud, user, needs):
    needs("PUT", "/v1/password2")
    answers = [user.put("/v1/password2", {"password": f"Wrong-{n}234", "newpassword": FRESH}).status_code for n in range(15)]
    assert set(answers) <= {400, 429} and 429 in answers, answers


def test_no_session_outlives_the_account(cloud, user, device, needs):
    needs("DELETE", "/v1/user2")
    user.map(device)
    other = User(cloud, user.name, user.password).log_in()
    good(user.request("DELETE", "/v1/user2?request=true"))
    good(user.request("DELETE", f"/v1/user2?verification_code={cloud.code(user.name)}"))
    for session in (user, other):
        assert not refreshes(cloud, session.tokens["refreshtoken"])
        nodes = session.get("/v1/user/nodes")
        assert nodes.status_code == 401 or nodes.json()["nodes"] == [], nodes.text
        params = session.get(f"/v1/user/nodes/params?node_id={device.id}")
        assert params.status_code in (400, 401), params.text
    # Whoever has the address next is somebody else.
    heir = User(cloud, user.name).sign_up().log_in()
    assert heir.nodes() == []
    assert not refreshes(cloud, user.tokens["refreshtoken"])
    told = user.get("/v1/user2")
    assert told.status_code == 401 or told.json()["user_id"] != heir.id, "an old token is not the heir's"


def test_a_new_password_by_a_letter_ends_the_thiefs_way_in(cloud, user, needs):
    needs("PUT", "/v1/forgotpassword2")
    good(cloud.http().put("/v1/forgotpassword2", json={"user_name": user.name}))
    code = cloud.code(user.name)
    body = {"user_name": user.name, "password": FRESH, "verification_code": code}
    good(cloud.http().put("/v1/forgotpassword2", json=body))
    again = cloud.http().put("/v1/forgotpassword2", json={**body, "password": "Third-Pass1"})
    assert again.status_code == 400, "a code works once"
    failed(cloud.http().post("/v1/login2", json={"user_name": user.name, "password": user.password}), 400, 101_009)
    good(cloud.http().post("/v1/login2", json={"user_name": user.name, "password": FRESH}))
