//! Messages that are not what their topic says: kept and counted, so that an owner can find the
//! firmware's fault; the node gets its acknowledgement all the same (contract `mqtt-and-node.md` §2.3).

use super::key;
use crate::{
    Ports, Result,
    access::{Grant, role::Itself},
    port::table::{Batch, Merge, Value, Write},
};

const SORT: &str = "unparsable";
/// Bytes of the newest such message that are kept.
const KEEP: usize = 4096;

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
