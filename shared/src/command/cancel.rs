//! Somebody takes back what they asked for. A node that has got a command already may do it all the same.

use super::{Asker, Command, Status, close, command_key, entry};
use crate::{
    Ports, Refusal, Result,
    access::Caller,
    id::{NodeId, RequestId},
    port::table::{Key, Query, Record, TableId},
};

/// Entries that are looked at together.
const TOGETHER: usize = 500;

/// Which of the caller's commands; each part that is given narrows it.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// Of this request.
    pub request: Option<RequestId>,
    /// To this node.
    pub node: Option<NodeId>,
    /// Of this number.
    pub cmd: Option<u16>,
}

impl Which {
    /// May this entry be of a command that is meant and open?
    fn fits(&self, node: &NodeId, record: &Record, now: i64) -> bool {
        self.node.as_ref().is_none_or(|wanted| wanted == node)
            && self.cmd.is_none_or(|cmd| record.int("cmd") == Some(i64::from(cmd)))
            && record.int("until").is_none_or(|until| now < until)
    }
}

/// Cancels what the caller asked for and is still open; says how many that were. Refusal: [`Refusal::CommandFilterMissing`]. 1
/// query for each 500 entries; if any are meant, 1 batched get, and 1 batch for each.
pub async fn cancel(ports: &Ports, caller: &Caller, which: &Which) -> Result<usize> {
    let prefix = match which {
        Which { request: None, node: None, cmd: None } => return Err(Refusal::CommandFilterMissing.into()),
        Which { request: Some(request), .. } => format!("{request}#"),
        Which { .. } => String::new(),
    };
    let query = Query::prefix(TableId::Nodes, Asker::user(caller).partition(), prefix, TOGETHER);
    let (mut cancelled, mut after) = (0, None);
    loop {
        let page = ports.table.query(query.clone().after(after)).await?;
        for command in meant(ports, which, &page.records).await? {
            cancelled += usize::from(close(ports, command, Status::Cancelled).await?);
        }
        if page.next.is_none() {
            return Ok(cancelled);
        }
        after = page.next;
    }
}

/// 1 batched get if there are any.
async fn meant(ports: &Ports, which: &Which, entries: &[Record]) -> Result<Vec<Command>> {
    let now = ports.clock.now();
    let key = |record: &Record| {
        let (request, node) = entry(record)?;
        which.fits(&node, record, now).then(|| command_key(&node, &request))
    };
    let keys: Vec<Key> = entries.iter().filter_map(key).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    ports.table.get_many(&keys).await?.iter().flatten().map(Command::read).collect()
}
