//! Sending wanted params to a node, at once or when it comes back.

use bytes::Bytes;
use serde_json::Value;

use super::{DESIRED, SORT, check::Wanted, split};
use crate::{
    Error, Ports, Result,
    access::{Grant, role::Itself},
    id::NodeId,
    node,
    port::table::Value as Stored,
};

/// The topic on which a node takes wanted params (contract `mqtt-and-node.md` §2.5).
pub fn topic(node: &NodeId) -> String {
    format!("node/{node}/params/remote")
}

/// Publishes wanted params. JSON as nodes read it: no white space, `/` and `&` bare, ints as ints.
pub(super) async fn publish(ports: &Ports, node: &NodeId, wanted: &Wanted) -> Result<()> {
    let payload = serde_json::to_vec(wanted).map_err(|_| Error::Corrupt("wanted params"))?;
    Ok(ports.fleet.publish(topic(node), Bytes::from(payload)).await?)
}

/// Publishes what is still wanted of a node that has just subscribed. It stays wanted until the node
/// reports it or its time is over. 1 get, and 1 publish if there is anything.
pub async fn deliver(ports: &Ports, node: &Grant<Itself>) -> Result<()> {
    let record = ports.table.get(&node::key(node.node(), SORT)).await?;
    let now = ports.clock.now();
    let mut wanted = Wanted::new();
    for (name, field) in record.iter().flat_map(|record| &record.fields) {
        let (Some((component, param)), Stored::Json(text)) = (split(DESIRED, name), &field.value) else { continue };
        let mut desired: Value = serde_json::from_str(text).map_err(|_| Error::Corrupt("desired params"))?;
        if desired["until"].as_i64().is_some_and(|until| until > now) {
            wanted.entry(component).or_insert_with(|| Wanted::new().into())[param] = desired["v"].take();
        }
    }
    if wanted.is_empty() { Ok(()) } else { publish(ports, node.node(), &wanted).await }
}
