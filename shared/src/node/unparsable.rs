//! Messages that are not what their topic says: kept and counted, so that an owner can find the
//! firmware's fault; beside them messages on topics that nobody knows are counted. The node gets its acknowledgement all the same (contract `mqtt-and-node.md` §2.3).

use super::key;
use crate::{
    Ports, Result,
    access::{Grant, role::Itself},
    port::table::{Batch, Merge, Value, Write},
};

const SORT: &str = "unparsable";
/// Bytes of the newest such message that are kept.
const KEEP: usize = 4096;
/// Characters of an unknown suffix that are kept.
const KEEP_SUFFIX: usize = 128;

/// Keeps the newest one's beginning and counts. 1 write.
pub async fn keep(ports: &Ports, node: &Grant<Itself>, suffix: &str, payload: &[u8]) -> Result<()> {
    tracing::warn!(node = %node.node(), suffix, bytes = payload.len(), "a message could not be understood");
    let merge = Merge::new(key(node.node(), SORT))
        .set("suffix", suffix)
        .set("payload", Value::Bytes(payload[..payload.len().min(KEEP)].to_vec()))
        .set("at", ports.clock.now_ms())
        .add("count", 1);
    ports.table.write(Batch::of(Write::Merge(merge))?).await?;
    Ok(())
}

/// Counts a message that no part of the cloud knows by its topic. 1 write.
pub async fn count_unknown(ports: &Ports, node: &Grant<Itself>, suffix: &str) -> Result<()> {
    tracing::debug!(node = %node.node(), suffix, "a message on a topic that is not known");
    let suffix: String = suffix.chars().take(KEEP_SUFFIX).collect();
    let merge = Merge::new(key(node.node(), SORT)).set("unknown_suffix", suffix).add("unknown", 1);
    ports.table.write(Batch::of(Write::Merge(merge))?).await?;
    Ok(())
}
