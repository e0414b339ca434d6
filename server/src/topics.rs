//! On which topics a node may speak and listen (contract `mqtt-and-node.md` §1.6). A node's MQTT client
//! id is its node id, so these are functions of that and the topic alone.

/// May the node publish here?
pub fn may_publish(node: &str, topic: &str) -> bool {
    let plain = match topic.strip_prefix("$aws/rules/").and_then(|rest| rest.split_once('/')) {
        Some((rule, plain)) if !rule.is_empty() => plain,
        _ => topic,
    };
    let own = plain.strip_prefix("node/").and_then(|rest| rest.strip_prefix(node)).and_then(|rest| rest.strip_prefix('/'));
    own.is_some_and(|suffix| !suffix.is_empty()) || within(topic, &["$aws", "things", node, "streams", "+", "get", "cbor"])
}

/// May the node subscribe to this filter? It may exactly if every topic that the filter matches is one of
/// its own.
pub fn may_subscribe(node: &str, filter: &str) -> bool {
    let own: [&[&str]; 7] = [
        &["node", node, "params", "remote"],
        &["node", node, "params", "remote", "+"],
        &["node", node, "otaurl"],
        &["node", node, "to-node"],
        &["node", node, "from-node"],
        &["$aws", "things", node, "streams", "+", "data", "cbor"],
        &["$aws", "things", node, "streams", "+", "rejected", "cbor"],
    ];
    own.iter().any(|own| within(filter, own))
}

/// Does the pattern match all that the topic or filter does? A `+` in the pattern stands for one level.
fn within(filter: &str, pattern: &[&str]) -> bool {
    let mut levels = filter.split('/');
    pattern
        .iter()
        .all(|wanted| levels.next().is_some_and(|level| level == *wanted || (*wanted == "+" && !level.is_empty() && level != "#")))
        && levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_publishes_below_its_own_id_alone() {
        for topic in [
            "node/n1/config",
            "node/n1/params/local",
            "node/n1/params/local/g1",
            "node/n1/direct/params/local/g1",
            "node/n1/a/b/c/d",
            "$aws/rules/esp_set_params/node/n1/params/local",
            "$aws/rules/whatever/node/n1/from-node",
            "$aws/things/n1/streams/s1/get/cbor",
        ] {
            assert!(may_publish("n1", topic), "{topic}");
        }
        for topic in [
            "",
            "node",
            "node/n1",
            "node/n1/",
            "node/n2/config",
            "node/n11/config",
            "node//config",
            "n1/config",
            "/node/n1/config",
            "$aws/rules/esp_set_params/node/n2/params/local",
            "$aws/rules/node/n1/config",
            "$aws/rules//node/n1/config",
            "$aws/rules/a/b/node/n1/config",
            "$aws/rules/a/$aws/rules/b/node/n1/config",
            "$aws/rules/a/$aws/things/n1/streams/s1/get/cbor",
            "$aws/things/n1/streams/s1/data/cbor",
            "$aws/things/n1/streams/s1/x/get/cbor",
            "$aws/things/n1/streams//get/cbor",
            "$aws/things/n2/streams/s1/get/cbor",
            "$aws/things/n1/shadow/update",
            "$SYS/x",
        ] {
            assert!(!may_publish("n1", topic), "{topic}");
        }
    }

    #[test]
    fn a_node_listens_where_the_cloud_speaks_to_it_alone() {
        for filter in [
            "node/n1/params/remote",
            "node/n1/params/remote/g1",
            "node/n1/params/remote/+",
            "node/n1/otaurl",
            "node/n1/to-node",
            "node/n1/from-node",
            "$aws/things/n1/streams/s1/data/cbor",
            "$aws/things/n1/streams/+/rejected/cbor",
        ] {
            assert!(may_subscribe("n1", filter), "{filter}");
        }
        for filter in [
            "#",
            "+",
            "",
            "node/#",
            "node/n1/#",
            "node/n1/+",
            "node/n1",
            "node/n1/params/#",
            "node/n1/params/remote/#",
            "node/n1/params/remote/g1/x",
            "node/n1/params/remote/",
            "node/n1/params/local",
            "node/n1/config",
            "node/+/params/remote",
            "node/+/params/local/g1",
            "node/n2/params/remote",
            "+/n1/params/remote",
            "$aws/things/n1/streams/#",
            "$aws/things/n1/streams/s1/get/cbor",
            "$aws/things/n2/streams/s1/data/cbor",
            "$aws/rules/#",
            "$aws/#",
            "$SYS/#",
        ] {
            assert!(!may_subscribe("n1", filter), "{filter}");
        }
    }
}
