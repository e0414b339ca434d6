//! The node's half: `user/mapping`, and its resets (contract `mqtt-and-node.md` §2.6, §4.2).

use serde::Deserialize;

use super::{MAX_SECRET, NodeHalf, UserHalf, WINDOW_SECONDS, confirm, node_half_key, remove, user_half_key};
use crate::{
    Error, Ports, Result,
    access::{Grant, role::Itself},
    id::{NodeId, UserId},
    port::table::{Batch, Value, When, Write},
};

const NOBODY: &str = "esp-rmaker";

/// What the node says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It was given this secret by this user.
    Map {
        /// The user.
        user: UserId,
        /// The secret.
        secret: String,
        /// All users before are to go.
        reset: bool,
    },
    /// Factory reset: all users are to go.
    Reset,
}

#[derive(Deserialize)]
struct Wire {
    node_id: Option<String>,
    user_id: String,
    secret_key: String,
    #[serde(default)]
    reset: bool,
}

/// Parses the node's message; `None` if it is not understood or is about another node.
pub fn parse(node: &NodeId, payload: &[u8]) -> Option<Report> {
    let Wire { node_id, user_id, secret_key, reset } = serde_json::from_slice(payload).ok()?;
    if node_id.is_some_and(|id| id != node.as_str()) {
        return None;
    }
    // The name that stands for nobody means something only in the words of a factory reset.
    if user_id == NOBODY {
        return (reset && secret_key == "failed").then_some(Report::Reset);
    }
    if secret_key.is_empty() || secret_key.len() > MAX_SECRET {
        return None;
    }
    Some(Report::Map { user: user_id.parse().ok()?, secret: secret_key, reset })
}

/// Does what the node reported at this moment, ms since the epoch; done again, it changes nothing more.
pub async fn report(ports: &Ports, node: &Grant<Itself>, report: Report, at: i64) -> Result<()> {
    let Report::Map { user, secret, reset } = report else {
        return remove::reset(ports, node, None, at).await;
    };
    if reset {
        // Whether or not the user's half ever comes.
        remove::reset(ports, node, Some(&user), at).await?;
    }
    let id = node.node();
    let put = Write::Put {
        key: node_half_key(id),
        fields: [("user", Value::from(user.as_str())), ("secret", secret.into()), ("reset", reset.into())]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        expires: Some(ports.clock.now() + WINDOW_SECONDS),
        when: When::Always,
    };
    ports.table.write(Batch::of(put)?).await?;
    let halves = ports.table.get_many(&[node_half_key(id), user_half_key(&user, id)]).await?;
    let [Some(report), Some(request)] = halves.as_slice() else { return Ok(()) };
    let report = NodeHalf::read(report).ok_or(Error::Corrupt("node's half of a mapping"))?;
    let request = UserHalf::read(&user, request).ok_or(Error::Corrupt("user's half of a mapping"))?;
    confirm::confirm(ports, id, &request, &report).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_the_nodes_own() {
        let node = "n1".parse().unwrap();
        let map = |reset| Some(Report::Map { user: "u1".parse().unwrap(), secret: "s".to_owned(), reset });
        assert_eq!(parse(&node, br#"{"node_id":"n1","user_id":"u1","secret_key":"s"}"#), map(false));
        assert_eq!(parse(&node, br#"{"node_id":"n1","user_id":"u1","secret_key":"s","reset":true}"#), map(true));
        assert_eq!(parse(&node, br#"{"node_id":"n1","user_id":"esp-rmaker","secret_key":"failed","reset":true}"#), Some(Report::Reset));
        for bad in [
            r#"{"node_id":"n2","user_id":"u1","secret_key":"s"}"#,
            r#"{"node_id":"n1","user_id":"u/1","secret_key":"s"}"#,
            r#"{"node_id":"n1","user_id":"u1","secret_key":""}"#,
            r#"{"node_id":"n1","user_id":"u1"}"#,
            r#"{"node_id":"n1","user_id":"u1","secret_key":"s"#,
        ] {
            assert_eq!(parse(&node, bad.as_bytes()), None, "{bad}");
        }
    }
}
