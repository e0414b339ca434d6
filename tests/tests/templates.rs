//! The templates say what the code says: every route reaches its own function, every message of a node a rule,
//! nodes may speak and listen where the broker lets them, and functions may use the tables that they use.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error is to fail")]

use std::{collections::BTreeSet, path::Path};

use raincloud::topics;
use serde_yaml_ng::Value;
use shared::port::table::TableId;
use web::Routes;

/// The functions, by the names of their folders, with what they serve and store.
fn functions() -> [(&'static str, Routes, &'static [TableId]); 3] {
    [
        ("user", web::openapi::published(user::routes()), user::TABLES),
        ("node", node::routes(), node::TABLES),
        ("access", access::routes(), access::TABLES),
    ]
}

fn template(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path);
    serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn of_function(name: &str) -> Value {
    template(&format!("functions/{name}/template.yaml"))
}

fn resources(template: &Value) -> &Value {
    &template["Resources"]
}

/// The values over which a loop goes.
fn looped<'a>(template: &'a Value, name: &str) -> Vec<&'a str> {
    let values = resources(template)[format!("Fn::ForEach::{name}").as_str()][1].as_sequence().expect(name);
    values.iter().map(|value| value.as_str().unwrap()).collect()
}

/// How well an API's route fits a path; the best gets it, as API Gateway has it. All of our routes are for any
/// method.
fn fit(key: &str, path: &str) -> Option<usize> {
    if key == "$default" {
        return Some(0);
    }
    let route = key.strip_prefix("ANY ").expect("a route for any method");
    match route.strip_suffix("{proxy+}") {
        Some(prefix) => path.strip_prefix(prefix).filter(|rest| !rest.is_empty()).map(|_| prefix.len()),
        None => (route == path).then_some(usize::MAX),
    }
}

#[test]
fn every_route_reaches_its_own_function() {
    let keys: Vec<_> = ["user", "node", "access", "ota"].map(|name| (name, of_function(name))).into();
    let keys: Vec<_> = keys.iter().flat_map(|(name, template)| looped(template, "Routes").into_iter().map(|key| (*name, key))).collect();
    let mut routes = 0;
    for (name, served, _) in functions() {
        for route in served.list() {
            let path = route.path.split('/').map(|level| if level.starts_with('{') { "x" } else { level }).collect::<Vec<_>>().join("/");
            let fits = keys.iter().filter_map(|(function, key)| Some((fit(key, &path)?, *function)));
            assert_eq!(fits.max().unwrap().1, name, "{} {}", route.method, route.path);
            routes += 1;
        }
    }
    assert!(routes > 60);
}

/// What firmware publishes to (contract `mqtt-and-node.md` §1.5), and one of those topics that name no rule.
const MESSAGES: [(&str, &str); 12] = [
    ("config", "esp_node_config"),
    ("params/local", "esp_set_params"),
    ("params/local/init", "esp_init_params"),
    ("alert", "esp_node_alert"),
    ("user/mapping", "esp_user_node_mapping"),
    ("otafetch", "esp_node_otafetch"),
    ("otastatus", "esp_node_otastatus"),
    ("tsdata", "esp_ts_ingest"),
    ("simple_tsdata", "esp_simple_ts_ingest"),
    ("from-node", "esp_cmd_resp"),
    ("diagnostics/from-node", "insights_message_delivery"),
    ("params/local/some-group", "raincloud_group_params"),
];

#[test]
fn every_message_of_a_node_has_one_rule() {
    let template = of_function("node");
    let rules: Vec<_> = looped(&template, "Rules").into_iter().map(|name| &template["Mappings"]["Rules"][name]).collect();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for (suffix, name) in MESSAGES {
        let topic = format!("node/n1/{suffix}");
        let takes: Vec<_> = rules.iter().filter(|rule| rule["Of"] == "Message" && takes(&text(&rule["From"]), &topic)).collect();
        assert_eq!(takes.iter().map(|rule| text(&rule["Name"])).collect::<Vec<_>>(), [name], "{topic}");
        assert!(topics::may_publish("n1", &topic) && topics::may_publish("n1", &format!("$aws/rules/{name}/{topic}")));
    }
    let lifecycle: BTreeSet<_> = rules.iter().filter(|rule| rule["Of"] == "Connection").map(|rule| text(&rule["From"])).collect();
    assert_eq!(
        lifecycle,
        ["'$aws/events/presence/+/+' WHERE eventType <> 'connect_failed'", "'$aws/events/subscriptions/subscribed/+'"]
            .map(str::to_owned)
            .into()
    );
    assert_eq!(rules.len(), MESSAGES.len() + lifecycle.len());
}

/// Does the rule take this topic? It has a filter, and perhaps a level that must not be something.
fn takes(from: &str, topic: &str) -> bool {
    let mut parts = from.split('\'');
    let filter = parts.nth(1).unwrap();
    let not = match parts.next().unwrap().trim() {
        "" => None,
        "WHERE topic(5) <>" => parts.next(),
        other => panic!("{other}"),
    };
    let (levels, wanted): (Vec<_>, Vec<_>) = (topic.split('/').collect(), filter.split('/').collect());
    levels.len() == wanted.len()
        && levels.iter().zip(wanted).all(|(level, wanted)| wanted == "+" || wanted == *level)
        && not.is_none_or(|not| levels[4] != not)
}

/// Does the policy let the node `n1` do it?
fn allows(action: &str, resource: &str) -> bool {
    let base = template("template-base.yaml");
    let statements = resources(&base)["NodePolicy"]["Properties"]["PolicyDocument"]["Statement"].as_sequence().unwrap().clone();
    let statement = statements.iter().find(|statement| statement["Action"] == action).unwrap();
    let named = statement["Resource"].as_sequence().unwrap().iter().map(|named| match named {
        Value::Tagged(tagged) => tagged.value.as_str().unwrap().rsplit("${AWS::AccountId}:").next().unwrap(),
        _ => panic!("!Sub is expected"),
    });
    named.map(|named| named.replace("${!iot:Connection.Thing.ThingName}", "n1")).any(|named| matches(&named, resource))
}

/// Matches as AWS does: `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, rest)) => {
            text.strip_prefix(before).is_some_and(|text| text.char_indices().any(|(at, _)| matches(rest, &text[at..])) || rest.is_empty())
        }
    }
}

/// Topics that nodes use, and all that differ from them in one level, or in one level more or less.
fn around(topics: &[&str]) -> BTreeSet<String> {
    const LEVELS: [&str; 16] =
        ["node", "n1", "n2", "params", "local", "remote", "$aws", "rules", "things", "streams", "get", "cbor", "shadow", "+", "#", "x"];
    let mut found = BTreeSet::new();
    for topic in topics {
        let levels: Vec<_> = topic.split('/').collect();
        for at in 0..levels.len() {
            for level in LEVELS {
                for drop in [0, 1] {
                    found.insert([&levels[..at], &[level], &levels[at + drop..]].concat().join("/"));
                }
            }
            found.insert([&levels[..at], &levels[at + 1..]].concat().join("/"));
        }
        found.insert((*topic).to_owned());
    }
    found
}

#[test]
fn nodes_publish_where_the_broker_lets_them() {
    let used = [
        "node/n1/config",
        "node/n1/params/local/init",
        "$aws/rules/esp_set_params/node/n1/params/local",
        "$aws/things/n1/streams/s/get/cbor",
    ];
    let all = around(&used);
    for topic in &all {
        let (broker, policy) = (topics::may_publish("n1", topic), allows("iot:Publish", &format!("topic/{topic}")));
        // A `*` of a policy stands for more than one level too. What that lets through goes to nobody but a rule's
        // function, which compares the node in the topic with the client, or to a stream's name with a slash.
        let wide = topic.starts_with("$aws/rules/") || topic.starts_with("$aws/things/n1/streams/");
        assert!(policy == broker || policy && wide, "{topic}: broker {broker}, policy {policy}");
    }
    assert!(all.len() > 400 && all.iter().filter(|topic| topics::may_publish("n1", topic)).count() > 100);
}

#[test]
fn nodes_listen_where_the_broker_lets_them() {
    let used = [
        "node/n1/params/remote",
        "node/n1/params/remote/g1",
        "node/n1/otaurl",
        "node/n1/to-node",
        "node/n1/from-node",
        "$aws/things/n1/streams/s/data/cbor",
        "$aws/things/n1/streams/s/rejected/cbor",
    ];
    for filter in &around(&used) {
        let (broker, policy) = (topics::may_subscribe("n1", filter), allows("iot:Subscribe", &format!("topicfilter/{filter}")));
        // The same: below the node's own params, or its own streams.
        let wide = filter.starts_with("node/n1/params/remote/") || filter.starts_with("$aws/things/n1/streams/");
        assert!(policy == broker || policy && wide, "{filter}: broker {broker}, policy {policy}");
        assert!(!policy || allows("iot:Receive", &format!("topic/{filter}")), "{filter} is heard in vain");
    }
}

#[test]
fn functions_may_use_the_tables_that_they_use() {
    let base = template("template-base.yaml");
    let made: BTreeSet<_> = looped(&base, "Tables").into_iter().collect();
    assert!(TableId::ALL.iter().all(|table| made.contains(table.name())), "{made:?}");
    for (name, _, tables) in functions() {
        let tables: BTreeSet<_> = tables.iter().map(|table| table.name()).collect();
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../functions/{name}/template.yaml"))).unwrap();
        let told: BTreeSet<_> = text.lines().filter_map(|line| line.split_once("RAINCLOUD_TABLE_")?.1.split_once(": ")).collect();
        for (variable, value) in &told {
            assert_eq!(*value, format!("!Sub raincloud-${{Stage}}-{}", variable.to_lowercase()));
        }
        assert_eq!(
            told.iter().map(|(variable, _)| variable.to_lowercase()).collect::<Vec<_>>(),
            tables.iter().copied().collect::<Vec<_>>(),
            "{name}"
        );
        let open: BTreeSet<_> =
            text.lines().filter_map(|line| line.split_once(":table/raincloud-${Stage}-").map(|(_, table)| table)).collect();
        assert_eq!(open, tables, "{name}");
    }
}
