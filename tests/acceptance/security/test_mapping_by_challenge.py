"""Attacks on mapping by challenge: the answer must be this node's, to this user's challenge, once."""

import pytest
from support.user import good

INITIATE, VERIFY = "/v1/user/nodes/mapping/initiate", "/v1/user/nodes/mapping/verify"


@pytest.fixture(autouse=True)
def challenges(needs):
    needs("POST", INITIATE)


def begin(user):
    begun = good(user.post(INITIATE, {"timeout": 360}))
    return begun["request_id"], begun["challenge"]


def answer(user, request, node, response):
    return user.post(VERIFY, {"request_id": request, "node_id": node, "challenge_response": response})


def refused(user, answered):
    assert answered.status_code == 400 and answered.json()["status"] == "failure", answered.text
    assert user.nodes() == []


def test_the_nodes_own_answer_maps_it(user, credentials, signed):
    """What the attacks below are held against: the honest way works."""
    request, challenge = begin(user)
    good(answer(user, request, credentials.id, signed(credentials, challenge)))
    assert user.nodes() == [credentials.id]


@pytest.mark.parametrize("echo", [lambda text: text, lambda text: text.encode().hex(), lambda _: "", lambda _: "00", lambda _: "zz" * 64])
def test_a_challenge_that_comes_back_is_no_answer(user, credentials, echo):
    request, challenge = begin(user)
    refused(user, answer(user, request, credentials.id, echo(challenge)))


def test_an_answer_is_good_for_its_own_challenge(user, credentials, signed):
    _, earlier = begin(user)
    request, challenge = begin(user)
    assert earlier != challenge
    refused(user, answer(user, request, credentials.id, signed(credentials, earlier)))


def test_an_answer_is_good_once(user, new_user, credentials, signed):
    request, challenge = begin(user)
    response = signed(credentials, challenge)
    good(answer(user, request, credentials.id, response))
    good(user.put("/v1/user/nodes/mapping", {"node_id": credentials.id, "operation": "remove"}))
    refused(user, answer(user, request, credentials.id, response))
    thief = new_user()
    refused(thief, answer(thief, request, credentials.id, response))


def test_an_answer_is_good_for_its_own_user(user, new_user, credentials, signed):
    request, challenge = begin(user)
    thief = new_user()
    refused(thief, answer(thief, request, credentials.id, signed(credentials, challenge)))
    mine, _ = begin(thief)
    refused(thief, answer(thief, mine, credentials.id, signed(credentials, challenge)))


def test_an_answer_is_good_for_its_own_node(cloud, user, new_user, new_device, signed):
    owner, device = new_user(), new_device()
    owner.map(device)
    own = cloud.add_nodes()[0]
    request, challenge = begin(user)
    refused(user, answer(user, request, device.id, signed(own, challenge)))
    assert owner.nodes() == [device.id]


def test_a_revoked_nodes_answer_maps_nothing(cloud, user, credentials, signed):
    cloud.revoke(credentials.id)
    request, challenge = begin(user)
    refused(user, answer(user, request, credentials.id, signed(credentials, challenge)))


def test_answers_cannot_be_tried_without_end(user, credentials, signed):
    request, challenge = begin(user)
    for _ in range(30):
        tried = answer(user, request, credentials.id, "30" * 70)
        assert tried.status_code in (400, 429), tried.text
    assert user.nodes() == []
