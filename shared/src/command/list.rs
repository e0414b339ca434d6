//! What became of commands. Everybody sees what they asked for themselves, as long as they have the node; a primary user sees
//! also what others have asked the node since it became theirs. What those who administer ask is for them alone.

use super::{Asker, COMMAND, Command, MAX_PAGE, Status, command_key, entry, moment};
use crate::{
    Ports, Refusal, Result,
    access::{
        Admin, Caller,
        association::{self, Association},
        grant::{self, Granted},
        role::{RoleName, Secondary},
    },
    id::{NodeId, RequestId},
    node,
    port::table::{Cursor, Direction, Key, Query, Range, Record, TableId},
};

/// Sorts behind every id.
const BEHIND: char = '~';

/// Which commands.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this request.
    pub request: Option<RequestId>,
    /// To this node.
    pub node: Option<NodeId>,
    /// Of this number.
    pub cmd: Option<u16>,
    /// That have come to this.
    pub status: Option<Status>,
    /// That were asked for from one second to another, both included; `None`: to now.
    pub asked: Option<(i64, Option<i64>)>,
    /// The newest first.
    pub newest_first: bool,
}

impl Filter {
    fn fits(&self, command: &Command, now: i64) -> bool {
        self.cmd.is_none_or(|cmd| cmd == command.cmd) && self.status.is_none_or(|status| status == command.status(now))
    }

    /// How many are looked at for a page of so many.
    fn looks_at(&self, limit: usize) -> usize {
        if self.cmd.is_some() || self.status.is_some() { MAX_PAGE } else { limit }
    }

    fn query(&self, partition: String, range: Range, limit: usize, after: Option<Cursor>) -> Query {
        let direction = if self.newest_first { Direction::Back } else { Direction::Forward };
        Query { table: TableId::Nodes, partition, range, direction, limit, after }
    }
}

/// A page of commands: of a node, or of what the caller asked for. However many fit, no more than [`MAX_PAGE`] are looked at for
/// a page, so it may be short, or empty, and yet not be the last. 1 query and 1 batched get; one node's command 1 batched get and
/// 1 get.
///
/// Refusals: [`Refusal::InvalidCommandNode`], [`Refusal::CommandFilterMissing`].
pub async fn list(
    ports: &Ports,
    caller: &Caller,
    filter: &Filter,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<Command>, Option<Cursor>)> {
    let by = Asker::user(caller);
    let Some(node) = &filter.node else { return asked_by(ports, &by, filter, limit, after).await };
    let granted = grant::grant(ports, caller, node.clone()).await;
    let granted: Granted<Secondary, ()> = granted.map_err(|error| error.instead(&Refusal::NotYourNode, Refusal::InvalidCommandNode))?;
    let sees = |command: &Command| may_see(&by, &granted.association, command);
    of_node(ports, granted.grant.node(), filter, sees, limit, after).await
}

/// The same of what those who administer asked: of a node all of it, else what this one asked.
pub async fn list_as_admin(
    ports: &Ports,
    admin: &Admin,
    filter: &Filter,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<Command>, Option<Cursor>)> {
    match &filter.node {
        Some(node) => of_node(ports, node, filter, |command| command.by.admin, limit, after).await,
        None => asked_by(ports, &Asker::admin(admin)?, filter, limit, after).await,
    }
}

fn may_see(by: &Asker, association: &Association, command: &Command) -> bool {
    let since_it_is_theirs = association.role == RoleName::Primary && command.asked > association.mapped_at;
    command.by == *by || (since_it_is_theirs && !command.by.admin)
}

async fn of_node(
    ports: &Ports,
    node: &NodeId,
    filter: &Filter,
    sees: impl Fn(&Command) -> bool + Send,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<Command>, Option<Cursor>)> {
    let looked_at = filter.looks_at(limit);
    let now = ports.clock.now();
    let shown = |command: &Command| sees(command) && filter.fits(command, now);
    if let Some(request) = &filter.request {
        let record = ports.table.get(&command_key(node, request)).await?;
        let command = record.as_ref().map(Command::read).transpose()?;
        return Ok((command.into_iter().filter(shown).collect(), None));
    }
    let from = |ms: i64| format!("{COMMAND}{}", moment(ms));
    let range = match filter.asked {
        Some((start, end)) => {
            let end = end.map_or(i64::MAX, |end| end.saturating_mul(1000).saturating_add(999));
            Range::Between(from(start.saturating_mul(1000)), format!("{}{BEHIND}", from(end)))
        }
        None => Range::Prefix(COMMAND.to_owned()),
    };
    let page = ports.table.query(filter.query(node::key(node, COMMAND).partition, range, looked_at, after)).await?;
    let read = |record: &Record| Ok((record.key.sort.clone(), Some(Command::read(record)?).filter(&shown)));
    Ok(cut(page.records.iter().map(read).collect::<Result<_>>()?, limit, page.next))
}

async fn asked_by(
    ports: &Ports,
    by: &Asker,
    filter: &Filter,
    limit: usize,
    after: Option<Cursor>,
) -> Result<(Vec<Command>, Option<Cursor>)> {
    let prefix = match &filter.request {
        Some(request) => format!("{request}#"),
        None if filter.status.is_some() => String::new(),
        None => return Err(Refusal::CommandFilterMissing.into()),
    };
    let looked_at = filter.looks_at(limit);
    let page = ports.table.query(filter.query(by.partition(), Range::Prefix(prefix), looked_at, after)).await?;
    let entries: Vec<_> = page.records.iter().filter_map(|record| Some((record.key.sort.clone(), entry(record)?))).collect();
    // Of each the command, and behind all of them what the user is to each node.
    let mut keys: Vec<Key> = entries.iter().map(|(_, (request, node))| command_key(node, request)).collect();
    if !by.admin {
        keys.extend(entries.iter().map(|(_, (_, node))| association::user_key(&by.user, node)));
    }
    let mut commands = ports.table.get_many(&keys).await?;
    let own = commands.split_off(entries.len());
    let pairs: Vec<_> = entries.iter().take(own.len()).map(|(_, (_, node))| (by.user.clone(), node.clone())).collect();
    let associations = grant::or_through_groups::<Secondary>(ports, &pairs, own).await?;
    let now = ports.clock.now();
    let mut found = Vec::with_capacity(entries.len());
    for (index, ((sort, _), command)) in entries.into_iter().zip(commands).enumerate() {
        let has_it = by.admin || associations.get(index).is_some_and(Option::is_some);
        let command = command.filter(|_| has_it).as_ref().map(Command::read).transpose()?;
        found.push((sort, command.filter(|command| filter.fits(command, now))));
    }
    Ok(cut(found, limit, page.next))
}

/// The first that fit, and where to go on; of those that were looked at, each with its sort key.
fn cut(found: Vec<(String, Option<Command>)>, limit: usize, next: Option<Cursor>) -> (Vec<Command>, Option<Cursor>) {
    let (mut page, mut last) = (Vec::new(), None);
    for (sort, command) in found {
        let Some(command) = command else { continue };
        if page.len() == limit {
            return (page, last.map(Cursor::at));
        }
        page.push(command);
        last = Some(sort);
    }
    (page, next)
}
