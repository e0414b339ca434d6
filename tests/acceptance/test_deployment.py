"""What clients ask of the deployment, and what holds for every answer."""

import pytest
from support.cloud import Http
from support.user import failed, good


@pytest.fixture
def http(cloud):
    return cloud.http()


def test_version_1_is_spoken(http):
    versions = good(http.get("/apiversions"))
    assert versions["supported_versions"] == ["v1"] and isinstance(versions["additional_info"], list)


def test_the_mqtt_host_is_a_bare_name(http, cloud):
    hosts = good(http.get("/mqtt_host"))
    assert hosts["mqtt_host"] == cloud.host
    assert hosts["mqtt_cred_host"] and "/" not in hosts["mqtt_cred_host"] and ":" not in hosts["mqtt_cred_host"]


def test_it_says_that_it_is_well(http):
    good(http.get("/healthz"))
    good(http.get("/readyz"))


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/v1", "/v1/nothing", "/v1/user/nodes/nothing/more", "/v2/user2", "/v1/user2/"),
        pytest.param("//v1/user2", marks=pytest.mark.local("the stand-in for API Gateway takes two slashes for one")),
    ],
)
def test_an_unknown_path_is_a_404_in_json(http, path):
    for method in ("GET", "POST"):
        failed(http.request(method, path), 404, 100_012)


@pytest.mark.parametrize(
    "method, path",
    [("DELETE", "/v1/user/nodes/mapping"), ("PATCH", "/v1/user2"), ("GET", "/v1/login2"), ("POST", "/apiversions")],
)
def test_an_unknown_method_is_a_405_in_json(http, method, path):
    failed(http.request(method, path), 405, 100_003)


@pytest.mark.parametrize(
    "body", [b"{", b"not json", b'{"user_name":}', b"[1,2", b'{"user_name":1}', b"[]", b'"text"', b"\xff\xfe", b"{}{}"]
)
def test_a_body_that_is_no_json_of_the_right_shape_is_a_400(http, body):
    description = failed(http.post("/v1/login2", data=body), 400, 100_006)
    assert "not json" not in description, "what was sent could be a secret, so it is not quoted"


@pytest.mark.parametrize("path", ["/v1/login2", "/v1/user2", "/v1/logout2"])
def test_a_body_that_is_too_large_is_a_413_in_json(http, user, path):
    body = b'{"user_name":"' + b"x" * (2 * 1024 * 1024) + b'"}'
    answer = http.post(path, data=body, headers={"Authorization": user.access})
    failed(answer, 413, 100_036)


def test_a_connection_works_on_after_a_413_or_says_that_it_ends(http):
    answer = http.post("/v1/login2", data=b" " * (2 * 1024 * 1024))
    failed(answer, 413, 100_036)
    if answer.headers.get("connection") != "close":
        # A client that is not told sends its next request here.
        good(http.get("/healthz"))


@pytest.mark.local("API Gateway hands on what came as a whole")
def test_a_body_of_unknown_length_is_limited_too(http):
    failed(http.post("/v1/login2", data=(b" " * 65_536 for _ in range(40))), 413, 100_036)


@pytest.mark.parametrize(
    "content_type", ["text/plain;charset=UTF-8", "application/json", "application/x-www-form-urlencoded", None]
)
def test_bodies_are_json_whatever_their_type_says(http, user, content_type):
    body = f'{{"user_name":"{user.name}","password":"{user.password}"}}'
    headers = {"Content-Type": content_type} if content_type else {}
    good(http.post("/v1/login2", data=body.encode(), headers=headers))


def test_a_get_may_say_that_it_is_json(user):
    good(user.get("/v1/user2", headers={"Content-Type": "application/json"}))


@pytest.mark.parametrize("query", ["", "?", "?&", "?&&custom_data=", "?custom_data=&&", "?unknown=1", "?a=1&a=2"])
def test_stray_ampersands_and_empty_values_do_not_matter(user, query):
    assert good(user.get(f"/v1/user2{query}"))["user_name"] == user.name


@pytest.mark.parametrize("path", ["/v1/user2", "/v1/user/nodes/params", "/v1/login2"])
def test_browsers_may_call(http, path):
    asked = {
        "Origin": "https://app.example.com",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = http.options(path, headers=asked)
    assert answer.status_code in (200, 204), answer.status_code
    assert answer.headers["access-control-allow-origin"] in ("*", asked["Origin"])
    allowed = {header.strip().lower() for header in answer.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type"} <= allowed, allowed
    methods = {method.strip() for method in answer.headers["access-control-allow-methods"].split(",")}
    assert {"GET", "POST", "PUT", "DELETE"} <= methods, methods


def test_browsers_may_read_failures_too(http):
    answer = http.get("/v1/user2", headers={"Origin": "https://app.example.com"})
    failed(answer, 401, 100_047)
    assert answer.headers["access-control-allow-origin"] in ("*", "https://app.example.com")


def test_every_answer_has_its_length(http, user):
    for answer in [
        http.get("/apiversions"),
        http.get("/nothing"),
        http.get("/v1/user2"),
        user.get("/v1/user2"),
        http.delete("/v1/user2"),
    ]:
        assert answer.headers.get("content-length") == str(len(answer.content)), answer.headers


def test_https_answers_the_same_with_the_clouds_own_ca(cloud, user):
    secure = Http(cloud.secure_base, cloud.ca)
    assert good(secure.get("/v1/user2", headers={"Authorization": user.access})) == good(user.get("/v1/user2"))
    assert good(secure.get("/apiversions")) == good(cloud.http().get("/apiversions"))
