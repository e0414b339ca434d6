"""Attacks by headers: nothing that a client writes of itself is believed, neither who it is nor where it is."""

import sys

import pytest
from support.user import failed, good

# Headers by which something before a program tells it who and where the client is.
WHO = ["x-user-id", "x-user", "x-remote-user", "remote-user", "x-forwarded-user", "x-auth-request-user", "x-amzn-oidc-identity"]
WHERE = ["x-forwarded-for", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "x-amzn-source-ip", "x-original-forwarded-for"]


def claims_of(victim):
    """The victim's identity in every form that a header could have."""
    claims = dict.fromkeys(WHO, victim.id)
    claims |= {"x-amzn-oidc-data": victim.access, "x-amzn-oidc-accesstoken": victim.access, "x-authorization": victim.access}
    claims |= {"proxy-authorization": f"Bearer {victim.access}", "cookie": f"accesstoken={victim.access}; Authorization={victim.access}"}
    claims |= {"x-amzn-request-context": f'{{"authorizer":{{"claims":{{"custom:user_id":"{victim.id}"}}}}}}'}
    return claims


def test_a_header_is_nobodys_identity(cloud, new_user):
    victim = new_user()
    for name, value in claims_of(victim).items():
        for path in ("/v1/user2", "/v1/user/nodes"):
            failed(cloud.http().get(path, headers={name: value}), 401, 100_047)
    failed(cloud.http().get(f"/v1/user2?Authorization={victim.access}&access_token={victim.access}"), 401, 100_047)


def test_a_header_makes_nobody_somebody_else(user, new_user, new_device):
    victim, device = new_user(), new_device()
    victim.map(device)
    for name, value in claims_of(victim).items():
        assert good(user.get("/v1/user2", headers={name: value}))["user_id"] == user.id, name
        failed(user.get(f"/v1/user/nodes/status?node_id={device.id}", headers={name: value}), 400, 103_020)


@pytest.mark.skipif(sys.platform != "linux", reason="only there a client has an address of its own on loopback")
@pytest.mark.parametrize("header", [*WHERE, "forwarded", "x-amzn-request-context"])
def test_an_address_in_a_header_gives_no_more_tries(new_cloud, header):
    cloud = new_cloud("--attempts-per-minute", "5").start()
    http, other = cloud.http(), cloud.http()
    guess = {"user_name": "nobody@example.com", "verification_code": "000000"}

    def claim(number):
        address = f"203.0.113.{number}"
        value = {
            "forwarded": f"for={address};proto=https",
            "x-amzn-request-context": f'{{"http":{{"sourceIp":"{address}"}}}}',
        }.get(header, address)
        return http.post("/v1/user2", json=guess, headers={header: value}).status_code

    answers = [claim(number) for number in range(1, 12)]
    assert answers[:5] == [400] * 5 and set(answers[5:]) <= {400, 429} and answers.count(429) >= 4, answers
    # And nobody locks others out by naming them.
    theirs = other.get_adapter("http://").address
    for _ in range(6):
        http.post("/v1/user2", json=guess, headers={header: f"for={theirs}" if header == "forwarded" else theirs})
    assert other.post("/v1/user2", json=guess).status_code == 400


@pytest.mark.parametrize("header", ["x-http-method-override", "x-http-method", "x-method-override"])
def test_a_header_changes_no_method(user, device, header):
    user.map(device)
    answer = user.get(f"/v1/user/nodes/params?node_id={device.id}", headers={header: "PUT"})
    failed(answer, 400, 102_006)


@pytest.mark.parametrize("header", ["x-original-url", "x-rewrite-url", "x-forwarded-prefix"])
def test_a_header_changes_no_path(cloud, header):
    assert "supported_versions" in good(cloud.http().get("/apiversions", headers={header: "/v1/user2"}))


def test_the_host_that_a_client_names_stands_in_no_answer(cloud):
    for path in ("/mqtt_host", "/apiversions", "/openapi.json", "/nothing"):
        answer = cloud.http().get(path, headers={"Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com"})
        assert "evil.example.com" not in answer.text and "evil" not in str(answer.headers), path
