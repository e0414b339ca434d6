//! The proof that somebody may act on a node in a role.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    marker::PhantomData,
};

use super::{
    Caller,
    association::{self, Association},
    holders::{self, Holders},
    membership::Memberships,
    role::{Itself, Role},
};
use crate::{
    Error, Ports, Refusal, Result,
    id::{NodeId, UserId},
    port::table::{Key, Record},
};

/// May act on one node in the role `R`. Made in this module alone; the node's id is reachable only
/// through it.
#[derive(Clone, Debug)]
pub struct Grant<R> {
    node: NodeId,
    role: PhantomData<R>,
}

impl<R> Grant<R> {
    fn to(node: NodeId) -> Self {
        Self { node, role: PhantomData }
    }

    /// The node that it is for.
    pub fn node(&self) -> &NodeId {
        &self.node
    }

    /// The deliberate way round the check, for acts that nobody asks for; `reason` says which, so that
    /// a search finds each.
    pub fn trusted_because(reason: &'static str, node: NodeId) -> Self {
        tracing::trace!(%node, reason, "trusted");
        Self::to(node)
    }
}

impl Grant<Itself> {
    /// The node that published on this topic, and what stands behind its id there. The client id is
    /// the certificate's (embedded) or was matched with it by the policy (AWS); it must be the topic's
    /// if it is known. Topics: contract `mqtt-and-node.md` §1.5.
    pub fn of_topic<'a>(client_id: Option<&str>, topic: &'a str) -> Option<(Self, &'a str)> {
        let plain = match topic.strip_prefix("$aws/rules/") {
            Some(behind) => behind.split_once('/')?.1,
            None => topic,
        };
        let (node, suffix) = plain.strip_prefix("node/")?.split_once('/')?;
        if client_id.is_some_and(|id| id != node) || suffix.is_empty() {
            return None;
        }
        Some((Self::to(node.parse().ok()?), suffix))
    }

    /// The node that this client is: its id was matched with its certificate when it connected.
    pub fn of_client(client_id: &str) -> Option<Self> {
        Some(Self::to(client_id.parse().ok()?))
    }
}

/// Records of a node that are read in the same batched get as the grant.
pub trait Load: Sized + Send {
    /// Which.
    fn keys(node: &NodeId) -> Vec<Key>;

    /// Reads them, in the order of the keys.
    fn read(ports: &Ports, records: &mut dyn Iterator<Item = Option<Record>>) -> Result<Self>;
}

impl Load for () {
    fn keys(_: &NodeId) -> Vec<Key> {
        Vec::new()
    }

    fn read(_: &Ports, _: &mut dyn Iterator<Item = Option<Record>>) -> Result<Self> {
        Ok(())
    }
}

impl<A: Load, B: Load> Load for (A, B) {
    fn keys(node: &NodeId) -> Vec<Key> {
        [A::keys(node), B::keys(node)].concat()
    }

    fn read(ports: &Ports, records: &mut dyn Iterator<Item = Option<Record>>) -> Result<Self> {
        Ok((A::read(ports, records)?, B::read(ports, records)?))
    }
}

/// A grant with what was read beside it.
#[derive(Debug)]
pub struct Granted<R, L> {
    /// The proof.
    pub grant: Grant<R>,
    /// What the user is to the node, by itself or by a group: the strongest.
    pub association: Association,
    /// The node's records.
    pub loaded: L,
}

/// The caller's grant for the node, with records of the node. 1 batched get; 1 more if the caller does not have the node
/// itself, or in too weak a role: it may be in a group of theirs.
///
/// Refusals: [`Refusal::NotYourNode`] without any role, [`Refusal::NotPrimary`] with a weaker one.
pub async fn grant<R: Role, L: Load>(ports: &Ports, caller: &Caller, node: NodeId) -> Result<Granted<R, L>> {
    let mut grants = grants(ports, caller, vec![node]).await?;
    grants.pop().unwrap_or(Err(Refusal::NotYourNode.into()))
}

/// The caller's grants for these nodes, in their order, each with records of its node. What one costs.
pub async fn grants<R: Role, L: Load>(ports: &Ports, caller: &Caller, nodes: Vec<NodeId>) -> Result<Vec<Result<Granted<R, L>>>> {
    let user = caller.user_id();
    let mut keys = Vec::new();
    for node in &nodes {
        keys.push(association::user_key(user, node));
        keys.extend(L::keys(node));
    }
    let mut records = ports.table.get_many(&keys).await?.into_iter();
    let mut found = Vec::new();
    for node in nodes {
        // Taken first and whole, so that a refusal does not shift what the next node gets.
        let mut own: VecDeque<_> = records.by_ref().take(1 + L::keys(&node).len()).collect();
        let association = own.pop_front().flatten().as_ref().map(Association::read).transpose()?;
        found.push(Found { node, association, records: own });
    }
    if R::THROUGH_GROUPS {
        let short = found.iter_mut().filter(|found| !found.association.as_ref().is_some_and(R::suffices));
        through_groups(ports, short.map(|found| (user, &found.node, &mut found.association)).collect()).await?;
    }
    Ok(found.into_iter().map(|found| found.admit(ports)).collect())
}

/// What each of these users is to each of these nodes, if anything, as `own` says of the nodes themselves. 1 batched get, if that
/// does not suffice for the role of any.
pub(crate) async fn or_through_groups<R: Role>(
    ports: &Ports,
    pairs: &[(UserId, NodeId)],
    own: Vec<Option<Record>>,
) -> Result<Vec<Option<Association>>> {
    let mut found = own.iter().map(|record| record.as_ref().map(Association::read).transpose()).collect::<Result<Vec<_>>>()?;
    let short = pairs.iter().zip(&mut found).filter(|(_, own)| !own.as_ref().is_some_and(R::suffices));
    through_groups(ports, short.map(|((user, node), own)| (user, node, own)).collect()).await?;
    Ok(found)
}

/// What was found of a node.
struct Found {
    node: NodeId,
    association: Option<Association>,
    records: VecDeque<Option<Record>>,
}

impl Found {
    fn admit<R: Role, L: Load>(self, ports: &Ports) -> Result<Granted<R, L>> {
        let association = self.association.ok_or(Refusal::NotYourNode)?;
        if !R::admits(&association) {
            return Err(Error::Refused(Refusal::NotPrimary));
        }
        let loaded = L::read(ports, &mut self.records.into_iter())?;
        Ok(Granted { grant: Grant::to(self.node), association, loaded })
    }
}

/// Gives each user what they are to the node by groups in which it is, if that is more. 1 batched get, if there are any.
async fn through_groups(ports: &Ports, short: Vec<(&UserId, &NodeId, &mut Option<Association>)>) -> Result<()> {
    if short.is_empty() {
        return Ok(());
    }
    // Each is read once, however many nodes a user has, or users a node.
    let users: Vec<_> = short.iter().map(|(user, ..)| *user).collect::<BTreeSet<_>>().into_iter().collect();
    let nodes: Vec<_> = short.iter().map(|(_, node, _)| *node).collect::<BTreeSet<_>>().into_iter().collect();
    let keys: Vec<_> = users.iter().map(|user| Memberships::key(user)).chain(nodes.iter().map(|node| holders::key(node))).collect();
    let records = ports.table.get_many(&keys).await?;
    let (of_users, of_nodes) = records.split_at(users.len());
    let memberships = users.into_iter().zip(of_users).map(|(user, record)| Ok((user, Memberships::read(record.as_ref())?)));
    let memberships = memberships.collect::<Result<BTreeMap<_, _>>>()?;
    let spots = nodes.into_iter().zip(of_nodes).map(|(node, record)| Ok((node, Holders::of(record.as_ref())?.spots)));
    let spots = spots.collect::<Result<BTreeMap<_, _>>>()?;
    for (user, node, association) in short {
        if let (Some(memberships), Some(spots)) = (memberships.get(user), spots.get(node)) {
            *association = Association::strongest(node, association.take(), memberships, spots.keys());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_speaks_on_its_own_topics_only() {
        for (topic, suffix) in [
            ("node/n1/config", "config"),
            ("$aws/rules/esp_set_params/node/n1/params/local", "params/local"),
            ("$aws/rules/anything/node/n1/params/local/init", "params/local/init"),
        ] {
            for client in [Some("n1"), None] {
                let (grant, is) = Grant::of_topic(client, topic).expect(topic);
                assert_eq!((grant.node().as_str(), is), ("n1", suffix));
            }
        }
        for topic in [
            "node/n2/config",
            "node/n1/",
            "node/n1",
            "n1/config",
            "$aws/rules/node/n1",
            "$aws/rules/x/node/n2/config",
            "$aws/things/n1/x",
            "",
        ] {
            assert!(Grant::of_topic(Some("n1"), topic).is_none(), "{topic}");
        }
    }
}
