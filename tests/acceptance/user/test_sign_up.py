"""`POST /v1/user2`: an account and its confirmation."""

import pytest
from support.user import PASSWORD, failed, good, new_address

PATHS = ["/v1/user2", "/v1/user"]


@pytest.fixture
def http(cloud):
    return cloud.http()


@pytest.fixture
def sign_up(cloud):
    """Signs up without confirming; each time from another address."""

    def post(name, password=PASSWORD):
        return cloud.http().post("/v1/user2", json={"user_name": name, "password": password})

    return post


@pytest.fixture
def confirm(cloud):
    def post(name, code):
        return cloud.http().post("/v1/user2", json={"user_name": name, "verification_code": code})

    return post


def other(code):
    """A code of the same form that is wrong."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


@pytest.mark.parametrize("path", PATHS)
def test_both_names_of_the_path_take_both_steps(cloud, path):
    http, name = cloud.http(), new_address()
    made = good(http.post(path, json={"user_name": name, "password": PASSWORD}), 201)
    assert made["status"] == "success" and made["description"]
    confirmed = good(http.post(path, json={"user_name": name, "verification_code": cloud.code(name)}), 201)
    assert confirmed["status"] == "success" and "failure" not in confirmed["description"]
    good(http.post("/v1/login2", json={"user_name": name, "password": PASSWORD}))


@pytest.mark.parametrize("password", ["Short1A", "nocapital1", "NOSMALL11", "NoDigitsHere", "With space1A", "Aa1" * 86])
def test_a_weak_password_is_refused(sign_up, cloud, password):
    name = new_address()
    failed(sign_up(name, password), 400, 101_004)
    assert not cloud.has_mail(name), "no letter is sent"


@pytest.mark.parametrize(
    "name", ["nobody", "a@b", "@example.com", "a b@example.com", "a@@example.com", "a@example.com\r\nBcc: b@example.com"]
)
def test_what_is_no_address_is_refused(sign_up, name):
    failed(sign_up(name), 400, 101_002)


def test_a_phone_number_is_refused_with_its_own_code(sign_up):
    assert "e-mail" in failed(sign_up("+15550100"), 400, 101_037)


@pytest.mark.parametrize(
    "body, code",
    [({}, 101_001), ({"password": PASSWORD}, 101_001), ({"user_name": ""}, 101_001), ({"user_name": "a@example.com"}, 101_003)],
)
def test_what_is_missing_is_told(http, body, code):
    failed(http.post("/v1/user2", json=body), 400, code)


def test_a_name_that_is_taken_is_refused_in_any_letter_case(sign_up, new_user):
    user = new_user()
    for name in (user.name, user.name.upper()):
        failed(sign_up(name), 400, 101_006)


def test_names_compare_without_letter_case(cloud, new_user):
    user = new_user()
    good(cloud.http().post("/v1/login2", json={"user_name": user.name.upper(), "password": user.password}))


def test_a_wrong_code_is_refused_and_the_right_one_still_works(cloud, sign_up, confirm):
    name = new_address()
    good(sign_up(name), 201)
    code = cloud.code(name)
    failed(confirm(name, other(code)), 400, 101_012)
    good(confirm(name, code), 201)


def test_after_five_wrong_guesses_the_right_code_does_not_work_either(cloud, sign_up, confirm):
    name = new_address()
    good(sign_up(name), 201)
    code = cloud.code(name)
    for _ in range(5):
        failed(confirm(name, other(code)), 400, 101_012)
    failed(confirm(name, code), 400, 101_012)
    good(sign_up(name), 201)
    good(confirm(name, cloud.code(name)), 201)


def test_a_code_works_once(cloud, sign_up, confirm):
    name = new_address()
    good(sign_up(name), 201)
    code = cloud.code(name)
    good(confirm(name, code), 201)
    failed(confirm(name, code), 400, 101_011)


def test_a_code_is_good_for_its_own_account_only(cloud, sign_up, confirm):
    one, two = new_address(), new_address()
    good(sign_up(one), 201)
    good(sign_up(two), 201)
    code = cloud.code(one)
    if code != cloud.code(two):
        failed(confirm(two, code), 400, 101_012)
    failed(confirm(new_address(), code), 400, 101_012)


def test_signing_up_again_sends_a_new_code_and_takes_the_new_password(cloud, sign_up, confirm):
    name = new_address()
    good(sign_up(name, "First-Try1"), 201)
    first = cloud.code(name)
    good(sign_up(name, "Second-Try1"), 201)
    second = cloud.code(name)
    if first != second:
        failed(confirm(name, first), 400, 101_012)
    good(confirm(name, second), 201)
    failed(cloud.http().post("/v1/login2", json={"user_name": name, "password": "First-Try1"}), 400, 101_009)
    good(cloud.http().post("/v1/login2", json={"user_name": name, "password": "Second-Try1"}))


def test_an_account_is_sent_only_so_many_codes(cloud, sign_up):
    name = new_address()
    for _ in range(5):
        good(sign_up(name), 201)
    newest = cloud.code(name)
    failed(sign_up(name), 429, 101_019)
    assert cloud.code(name) == newest, "no further letter is sent"


def test_before_the_confirmation_nobody_logs_in(cloud, sign_up):
    name = new_address()
    good(sign_up(name), 201)
    failed(cloud.http().post("/v1/login2", json={"user_name": name, "password": PASSWORD}), 400, 101_015)
    failed(cloud.http().post("/v1/login2", json={"user_name": name, "password": "Wrong-1234"}), 400, 101_009)
