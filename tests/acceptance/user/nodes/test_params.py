"""`GET` and `PUT /v1/user/nodes/params`: what nodes report and what users set, to the byte."""

import json
import time

import pytest
from support.device import Device, config, lamp, param
from support.user import failed, failed_body, good
from support.wait import settled, until
from support.wire import Wire, publish

PATH = "/v1/user/nodes/params"


@pytest.fixture
def mapped(user, device):
    """A lamp of the user's, online."""
    user.map(device)
    return device.boot(lamp(), {"Lamp": {"Name": "Lamp", "Power": False, "Level": 5}})


def put_text(user, node, text):
    """Sets params with exactly this text."""
    headers = {"Content-Type": "text/plain;charset=UTF-8"}
    return user.request("PUT", f"{PATH}?node_id={node}", data=text.encode(), headers=headers)


# Reports.


def test_reports_are_merged_param_by_param(user, mapped):
    mapped.report({"Lamp": {"Power": True}})
    assert user.params(mapped.id)["Lamp"] == {"Name": "Lamp", "Power": True, "Level": 5}
    mapped.report({"Lamp": {"Level": 6}, "Schedule": {"Schedules": [{"id": "A", "enabled": True}]}})
    shown = user.params(mapped.id)
    assert shown["Lamp"] == {"Name": "Lamp", "Power": True, "Level": 6}
    mapped.report({"Schedule": {"Schedules": []}})
    assert user.params(mapped.id)["Schedule"] == {"Schedules": []}, "lists are replaced as a whole"


@pytest.mark.parametrize(
    "topic",
    [
        "node/{}/params/local",
        "$aws/rules/esp_set_params/node/{}/params/local",
        pytest.param(
            "$aws/rules/whatever/node/{}/params/local/init", marks=pytest.mark.local("AWS IoT knows the rules that there are")
        ),
    ],
)
def test_every_form_of_the_topic_reports(user, mapped, topic):
    mapped.publish("", {"Lamp": {"Level": 77}}, topic=topic.format(mapped.id))
    assert user.params(mapped.id)["Lamp"]["Level"] == 77


def test_answers_hold_the_very_text_of_a_value(user, mapped):
    mapped.publish(
        "params/local", b'{"Lamp":{"Warmth":27.30000,"Lux":0.00000,"Level":42,"Name":"K\xc3\xbcche/\xe2\x98\x80 & Co"}}'
    )
    text = user.get(f"{PATH}?node_id={mapped.id}").content
    for part in (b'"Warmth":27.30000', b'"Lux":0.00000', b'"Level":42'):
        assert part in text, text
    assert user.params(mapped.id)["Lamp"]["Name"] == "Küche/☀ & Co"
    assert b'"Warmth":27.30000' in user.get(f"/v1/user/nodes?node_id={mapped.id}").content
    assert b'"Warmth":27.30000' in user.get("/v1/user/nodes?node_details=true").content


def test_names_with_slashes_and_percent_signs_come_back_as_they_are(user, device):
    user.map(device)
    names = ["a/b", "a%2Fb", "%", "100%/x", "ü ☀"]
    device.boot(config([(name, [param(name, "int")]) for name in names]))
    device.report({name: {name: number} for number, name in enumerate(names)})
    assert user.params(device.id) == {name: {name: number} for number, name in enumerate(names)}


def test_params_without_read_never_leave_the_api(user, mapped):
    secret = "eyJ-token-of-a-user"
    told = {
        "Lamp": {"Power": True},
        "Auth": {"UserToken": secret, "BaseURL": "https://x.example"},
        "OTA": {"URL": f"https://fw/{secret}"},
    }
    mapped.publish("params/local/init", told)
    mapped.report(told)
    for path in [
        f"{PATH}?node_id={mapped.id}",
        f"{PATH}?nodeid={mapped.id}",
        f"/v1/user/nodes?node_id={mapped.id}",
        "/v1/user/nodes?node_details=true",
        "/v1/user/nodes?node_details=true&config=false",
    ]:
        answer = user.get(path)
        assert "https://x.example" in answer.text, f"the control: {path} shows what may be read"
        assert secret not in answer.text and '"UserToken":' not in answer.text, path
    mapped.publish("config", {"node_id": mapped.id, **config([("Lamp", [param("Power", "bool")])])})
    assert secret not in user.get(f"{PATH}?node_id={mapped.id}").text


def test_what_the_config_does_not_declare_is_not_shown(user, mapped):
    mapped.report({"Lamp": {"Secret": "s3cret"}, "Nothing": {"Token": "s3cret"}})
    assert "s3cret" not in user.get(f"{PATH}?node_id={mapped.id}").text


def test_params_without_any_config_are_not_shown(user, device):
    user.map(device)
    device.publish("params/local/init", {"Auth": {"UserToken": "s3cret"}})
    for path in (f"{PATH}?node_id={device.id}", f"/v1/user/nodes?node_id={device.id}"):
        assert "s3cret" not in user.get(path).text


@pytest.mark.parametrize(
    "payload",
    [
        b'{"Lamp":{"Level":9',
        b'{"Lamp":{"Level":9},,}',
        b'{"Lamp":{"Level":nan}}',
        b'{"Lamp":{"Name":"Bob"s lamp"}}',
        b"",
        b"[]",
        b"\x00\xff",
        b'{"Lamp":5}',
        b"null",
    ],
)
def test_json_that_is_none_is_acknowledged_and_changes_nothing(user, mapped, payload):
    before = user.params(mapped.id)
    mapped.publish("params/local", payload)
    mapped.publish("params/local/init", payload)
    if payload != b'{"Lamp":5}':
        # That would be a config, if an empty one.
        mapped.publish("config", payload)
    assert user.params(mapped.id) == before
    mapped.report({"Lamp": {"Level": 10}})
    assert user.params(mapped.id)["Lamp"]["Level"] == 10 and not mapped.gone.is_set()


def test_what_is_wrong_without_a_doubt_about_what_was_meant_is_understood(user, mapped):
    mapped.publish("params/local", b'{"Lamp":{"Level":9,"Lux":nan,},}')
    assert user.params(mapped.id)["Lamp"]["Level"] == 9


def test_a_repeated_message_changes_nothing_more(cloud, user, mapped):
    mapped.close()
    topic = f"node/{mapped.id}/params/local"
    with Wire(cloud, mapped.credentials) as wire:
        wire.publish("params/local", {"Lamp": {"Level": 1}}, packet_id=7)
        # The acknowledgement was slow, so the device sent it twice more.
        for _ in range(2):
            wire.send(publish(topic, b'{"Lamp":{"Level":1}}', 7, dup=True))
        assert [wire.acknowledged(), wire.acknowledged()] == [7, 7]
        assert user.params(mapped.id)["Lamp"]["Level"] == 1


@pytest.mark.local("AWS IoT tells milliseconds and keeps no order, so of what arrives in one the first stays")
def test_of_reports_in_quick_succession_the_last_one_stays(cloud, user, mapped):
    mapped.close()
    topic = f"node/{mapped.id}/params/local"
    with Wire(cloud, mapped.credentials) as wire:
        for round in range(5):
            # In one piece, so that they arrive in the same moment.
            numbers = range(round * 10 + 1, round * 10 + 11)
            wire.send(b"".join(publish(topic, b'{"Lamp":{"Level":%d}}' % number, number) for number in numbers))
            assert [wire.acknowledged() for _ in numbers] == list(numbers), "acknowledged in order"
            assert user.params(mapped.id)["Lamp"]["Level"] == numbers[-1], (
                "the last report was acknowledged, so it is what counts"
            )


@pytest.mark.local("AWS IoT tells milliseconds and keeps no order, so of what arrives in one the first stays")
def test_of_configs_in_quick_succession_the_last_one_stays(cloud, user, mapped):
    mapped.close()
    topic = f"node/{mapped.id}/config"
    with Wire(cloud, mapped.credentials) as wire:
        wire.send(b"".join(publish(topic, b'{"info":{"fw_version":"%d"}}' % number, number) for number in range(1, 11)))
        assert [wire.acknowledged() for _ in range(10)] == list(range(1, 11))
    assert user.node(mapped.id)["config"]["info"]["fw_version"] == "10"


def test_packets_left_over_from_before_are_taken_in_a_new_session(cloud, user, mapped):
    mapped.close()
    with Wire(cloud, mapped.credentials) as wire:
        wire.publish("params/local", {"Lamp": {"Level": 61}}, packet_id=4711, dup=True)
    assert user.params(mapped.id)["Lamp"]["Level"] == 61


def test_a_report_of_hundreds_of_params_is_stored_whole(user, device):
    user.map(device)
    device.boot(config([("Big", [param(f"P{number}", "int") for number in range(230)])]))
    values = {f"P{number}": number for number in range(230)}
    device.publish("params/local/init", {"Big": values})
    assert user.params(device.id)["Big"] == values
    device.report({"Big": {name: -value for name, value in values.items()}})
    assert user.params(device.id)["Big"] == {name: -value for name, value in values.items()}


# Setting.


def test_both_forms_of_the_request_answer_in_kind(user, mapped):
    one = good(user.set(mapped.id, {"Lamp": {"Power": True}}))
    assert one["status"] == "success" and "failure" not in json.dumps(one)
    assert mapped.receive_params() == b'{"Lamp":{"Power":true}}'
    many = good(user.put(PATH, [{"node_id": mapped.id, "payload": {"Lamp": {"Power": False}}}]), 207)
    assert [entry["node_id"] for entry in many] == [mapped.id] and many[0]["status"] == "success" and many[0]["description"]
    assert mapped.receive_params() == b'{"Lamp":{"Power":false}}'


def test_setting_alone_changes_nothing_until_the_node_says_so(user, mapped):
    good(user.set(mapped.id, {"Lamp": {"Level": 50}}))
    assert mapped.receive_params() == b'{"Lamp":{"Level":50}}'
    assert user.params(mapped.id)["Lamp"]["Level"] == 5
    mapped.report({"Lamp": {"Level": 50}})
    assert user.params(mapped.id)["Lamp"]["Level"] == 50


@pytest.mark.parametrize(
    "sent, received",
    [
        ('{"Lamp":{"Level":25}}', None),
        ('{"Lamp":{"Level":0}}', None),
        ('{"Lamp":{"Warmth":25}}', None),
        ('{"Lamp":{"Warmth":27.35}}', None),
        ('{"Lamp":{"Warmth":-0.5}}', None),
        ('{"Lamp":{"Power":1}}', None),
        ('{"Lamp":{"Name":"Küche ☀ 漢字 😀"}}', None),
        ('{"Auth":{"BaseURL":"https://h.example/a/b?x=1&y=<2>\'"}}', None),
        ('{"Lamp":{"Name":"\\u004b\\u00fcche \\/ \\u0026"}}', '{"Lamp":{"Name":"Küche / &"}}'),
        ('{ "Lamp" : { "Level" : 3 , "Power" : true } }', '{"Lamp":{"Level":3,"Power":true}}'),
        ('{"Lamp":{"Power":true,"Level":3,"Name":"x"},"OTA":{"URL":"https://f/1&2"}}', None),
        ('{"Lamp":{"Shape":{"z":1,"a":[1,2.5,"/"]}}}', None),
        ('{"Lamp":{"Mode":"party"}}', None),
    ],
)
def test_values_arrive_at_the_node_byte_for_byte(user, mapped, sent, received):
    good(put_text(user, mapped.id, sent))
    assert mapped.receive_params().decode() == (received or sent)


@pytest.mark.parametrize(
    "params, says",
    [
        ({"Lamp": {"Colour": 1}}, "Lamp.Colour"),
        ({"Fan": {"Speed": 1}}, "Fan.Speed"),
        ({"lamp": {"Power": True}}, "lamp.Power"),
        ({"Lamp": {"Lux": 5}}, "not writable"),
        ({"OTA": {"Status": "x"}}, "not writable"),
        ({"Connectivity": {"Connected": False}}, "not writable"),
        ({"Lamp": {"Level": 101}}, "at most 100"),
        ({"Lamp": {"Level": -1}}, "at least 0"),
        ({"Lamp": {"Warmth": 40.6}}, "at most 40.5"),
        ({"Lamp": {"Warmth": -0.6}}, "at least -0.5"),
        ({"Lamp": {"Level": 25.0}}, "whole number"),
        ({"Lamp": {"Level": 25.5}}, "whole number"),
        ({"Lamp": {"Level": "25"}}, "whole number"),
        ({"Lamp": {"Level": True}}, "whole number"),
        ({"Lamp": {"Level": None}}, "whole number"),
        ({"Lamp": {"Level": 2**31}}, "whole number"),
        ({"Lamp": {"Warmth": "27"}}, "float"),
        ({"Lamp": {"Power": "true"}}, "bool"),
        ({"Lamp": {"Power": 2}}, "bool"),
        ({"Lamp": {"Name": 5}}, "string"),
        ({"Lamp": {"Shape": []}}, "object"),
        ({"Schedule": {"Schedules": {}}}, "array"),
        ({"Schedule": {"Schedules": [{}, {}, {}]}}, "at most 2"),
        ({"Lamp": {"Mode": "loud"}}, "calm, party"),
        ({"Lamp": {"Name": 'Bob"s lamp'}}, "quote"),
        ({"Lamp": {"Name": "back\\slash"}}, "backslash"),
        ({"Lamp": {"Name": "two\nlines"}}, "control character"),
        ({"Schedule": {"Schedules": [{"name": 'a"b'}]}}, "quote"),
        ({"Lamp": {"Shape": {'a"b': 1}}}, "quote"),
        ({"Lamp": {"Power": True, "Level": 101}}, "Lamp.Level"),
        ({"Lamp": 5}, "Lamp"),
        ({"Lamp": {}}, "Lamp"),
        ({}, "no params"),
    ],
)
def test_what_does_not_fit_is_refused_clearly_and_reaches_nobody(user, mapped, params, says):
    assert says in failed(user.set(mapped.id, params), 400, 100_012)
    answer = user.put(PATH, [{"node_id": mapped.id, "payload": params}])
    assert says in failed_body(good(answer, 207)[0], 100_012)
    # What is sent later arrives first, so nothing was sent before.
    good(user.set(mapped.id, {"Lamp": {"Level": 99}}))
    assert mapped.receive_params() == b'{"Lamp":{"Level":99}}'


@pytest.mark.parametrize(
    "body", [[], "x", 5, None, [1], [{}], [{"node_id": "n1"}], [{"payload": {}}], [{"node_id": 5, "payload": {}}]]
)
def test_a_body_of_another_shape_is_refused(user, body):
    failed(user.put(PATH, body), 400, 100_006)


@pytest.mark.parametrize("body", ["[]", "5", '"x"', "null", "[{}]"])
def test_one_nodes_params_are_an_object(user, mapped, body):
    failed(put_text(user, mapped.id, body), 400, 100_006)


def test_25_nodes_are_set_at_once_and_no_more(user, mapped):
    def body(count):
        others = [{"node_id": f"nobodys-{number}", "payload": {"Lamp": {"Power": True}}} for number in range(count - 1)]
        return [*others, {"node_id": mapped.id, "payload": {"Lamp": {"Power": True}}}]

    done = good(user.put(PATH, body(25)), 207)
    assert [entry["node_id"] for entry in done] == [entry["node_id"] for entry in body(25)], "in the order of the request"
    for entry in done[:-1]:
        failed_body(entry, 100_010)
    assert done[-1]["status"] == "success"
    assert mapped.receive_params() == b'{"Lamp":{"Power":true}}'
    assert "25" in failed(user.put(PATH, body(26)), 400, 100_006)


def test_a_node_stands_in_a_list_once(user, mapped):
    entry = {"node_id": mapped.id, "payload": {"Lamp": {"Power": True}}}
    failed(user.put(PATH, [entry, entry]), 400, 100_006)


def test_a_node_without_config_cannot_be_set(user, device):
    user.map(device)
    failed(user.set(device.id, {"Lamp": {"Power": True}}), 400, 103_002)


# While the node is away.


@pytest.fixture
def away(user, mapped):
    """The lamp after it has gone."""
    mapped.close()
    settled(lambda: user.online(mapped.id), False, "the node is shown offline")
    return mapped


def test_a_node_gets_what_was_set_while_it_was_away(cloud, user, away):
    told = good(user.set(away.id, {"Lamp": {"Power": True, "Name": "Küche/☀"}}))
    assert "offline" in told["description"], told
    good(user.set(away.id, {"Lamp": {"Power": False}, "OTA": {"URL": "https://f/1&2"}}))
    with Device(cloud, away.credentials) as back:
        back.boot()
        assert json.loads(back.receive_params()) == {"Lamp": {"Power": False, "Name": "Küche/☀"}, "OTA": {"URL": "https://f/1&2"}}
        back.report({"Lamp": {"Power": False, "Name": "Küche/☀"}, "OTA": {"URL": "https://f/1&2"}})
    with Device(cloud, away.credentials) as again:
        again.boot()
        good(user.set(away.id, {"Lamp": {"Level": 1}}))
        assert again.receive_params() == b'{"Lamp":{"Level":1}}', "what was reported is not wanted any more"


def test_what_the_node_reported_itself_is_not_set_over_it(cloud, user, away):
    good(user.set(away.id, {"Lamp": {"Power": True, "Level": 9}}))
    with Device(cloud, away.credentials) as back:
        back.report({"Lamp": {"Power": False}})
        back.boot()
        assert back.receive_params() == b'{"Lamp":{"Level":9}}'


def test_the_params_of_a_boot_say_nothing_of_what_is_wanted(cloud, user, away):
    good(user.set(away.id, {"Lamp": {"Power": True}}))
    with Device(cloud, away.credentials) as back:
        back.publish("params/local/init", {"Lamp": {"Power": False, "Level": 5}})
        back.boot()
        assert back.receive_params() == b'{"Lamp":{"Power":true}}'


def test_a_simulated_node_gets_what_was_set_while_it_was_away(user, credentials, simulate):
    request = user.ask_to_map(credentials.id, "the secret")
    simulate(credentials, "--map", f"{user.id}:the secret").up().close()
    settled(lambda: user.mapping_status(request), "confirmed", "the mapping is confirmed")
    settled(lambda: user.online(credentials.id), False, "the node is shown offline")
    good(user.set(credentials.id, {"Light": {"Brightness": 12}}))
    simulate(credentials).expect("set", device="Light", param="Brightness", value=12, by="remote")
    settled(lambda: user.params(credentials.id)["Light"]["Brightness"], 12, "it reports what it did")


def test_a_refused_value_is_not_kept(cloud, user, away):
    failed(user.set(away.id, {"Lamp": {"Level": 101}}), 400, 100_012)
    good(user.set(away.id, {"Lamp": {"Power": True}}))
    with Device(cloud, away.credentials) as back:
        back.boot()
        assert back.receive_params() == b'{"Lamp":{"Power":true}}'


@pytest.mark.parametrize("seconds", [0, 1])
def test_after_its_time_nothing_is_set_any_more(new_cloud, user_of, seconds):
    cloud = new_cloud("--desired-seconds", str(seconds)).start()
    user, credentials = user_of(cloud), cloud.add_nodes()[0]
    with Device(cloud, credentials) as device:
        user.map(device)
        device.boot(lamp(), {"Lamp": {"Power": False}})
    settled(lambda: user.online(credentials.id), False, "the node is shown offline")
    good(user.set(credentials.id, {"Lamp": {"Power": True}}))
    over = time.time() + seconds + 0.2
    until(lambda: time.time() > over, "its time is over")
    with Device(cloud, credentials) as back:
        back.boot()
        good(user.set(credentials.id, {"Lamp": {"Level": 1}}))
        assert back.receive_params() == b'{"Lamp":{"Level":1}}'
