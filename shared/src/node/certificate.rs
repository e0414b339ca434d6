//! Which certificate is which node's. A certificate is known by its fingerprint, so it may come from
//! any CA (design: the certificate rule). The node's own record keeps the whole of it, for the public key.
//!
//! A broker that does not go by these records is told ([`Fleet::register`](crate::port::fleet::Fleet::register)),
//! in an order such that no interruption leaves a certificate that opens connections and has no record, and
//! such that the same request once more puts right what was left undone:
//!
//! * a new certificate is written first, with the fingerprint of the one before it; then the one before it is
//!   revoked and the new one registered. Asked again, both are done again (`open`); and before it is
//!   replaced in turn, what it replaced is revoked once more;
//! * to revoke, the broker is told first, and then it is written: cut off is what was to be cut off.

use pem::{EncodeConfig, LineEnding, Pem};
use ring::digest::{SHA256, digest};
use x509_parser::parse_x509_certificate;

use super::{key, public_key::PublicKey};
use crate::{
    Error, Ports, Refusal, Result,
    access::{Grant, role::Itself},
    id::NodeId,
    port::table::{Batch, Cursor, Key, Merge, Page, Query, Record, TableId, Value, When, Write},
};

const SORT: &str = "node";
const REGISTRY: &str = "registry";
const REVOCATIONS: &str = "revocations";
/// How long the broker's process has to notice a revocation.
const REVOCATION_SECONDS: i64 = 86_400;
/// How long after a new certificate was registered connections by the old one are still ended.
const RENEWED_SECONDS: i64 = 3;

/// The SHA-256 of a certificate's DER form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl Fingerprint {
    /// The certificate's, of its DER form.
    pub fn of(certificate: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(bytes)
    }
}

/// A certificate to be registered.
#[derive(Clone, Debug)]
pub struct NewCertificate {
    /// By which it is known.
    pub fingerprint: Fingerprint,
    /// All of it, in DER.
    pub der: Vec<u8>,
}

impl NewCertificate {
    /// The certificate in this DER.
    pub fn of(der: Vec<u8>) -> Self {
        Self { fingerprint: Fingerprint::of(&der), der }
    }
}

/// A certificate's public key, `SubjectPublicKeyInfo` in DER; `None` if this is no certificate.
pub fn public_key_of(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    Some(parsed.public_key().raw.to_vec())
}

/// A certificate in PEM, with `\n` as firmware needs it.
pub fn to_pem(certificate: &[u8]) -> String {
    pem::encode_config(&Pem::new("CERTIFICATE", certificate), EncodeConfig::new().set_line_ending(LineEnding::LF))
}

/// A node's record: which certificate it has.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The certificate in DER.
    pub certificate: Vec<u8>,
    /// It proves nothing any more.
    pub revoked: bool,
    fingerprint: String,
    /// The fingerprint of the one before it.
    former: Option<String>,
    /// Changes with the record.
    pub(crate) version: u64,
}

impl Registration {
    pub(crate) fn key(node: &NodeId) -> Key {
        key(node, SORT)
    }

    pub(crate) fn read(record: &Record) -> Result<Self> {
        let read = || {
            Some(Self {
                // A node that was registered by an earlier version has none: it signs nothing until it gets a new one.
                certificate: record.bytes("certificate").unwrap_or_default().to_vec(),
                revoked: record.bool("revoked")?,
                fingerprint: record.str("fingerprint")?.to_owned(),
                former: record.str("former").map(str::to_owned),
                version: record.version,
            })
        };
        read().ok_or(Error::Corrupt("node"))
    }

    /// The key whose signatures are the node's; `None` if its certificate was revoked.
    pub fn public_key(&self) -> Option<PublicKey> {
        if self.revoked { None } else { PublicKey::of_spki(&public_key_of(&self.certificate)?) }
    }
}

/// The node's record, if it was ever registered. 1 get.
pub async fn of(ports: &Ports, node: &Grant<Itself>) -> Result<Option<Registration>> {
    ports.table.get(&Registration::key(node.node())).await?.map(|record| Registration::read(&record)).transpose()
}

/// What is known of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The node that it proves.
    pub node: NodeId,
    /// It proves nothing any more.
    pub revoked: bool,
}

/// A node as its owner sees it in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The node.
    pub node: NodeId,
    /// Seconds since the epoch.
    pub registered_at: i64,
    /// Its certificate proves nothing any more.
    pub revoked: bool,
}

impl Registered {
    fn read(node: NodeId, record: &Record) -> Option<Self> {
        Some(Self { node, registered_at: record.int("registered_at")?, revoked: record.bool("revoked")? })
    }
}

/// The key of the certificate's record, for engines that must read it without waiting.
pub fn fingerprint_key(fingerprint: &Fingerprint) -> Key {
    Key::new(TableId::Nodes, format!("cert#{fingerprint}"), "certificate")
}

/// Reads the certificate's record.
pub fn read(record: &Record) -> Option<Certificate> {
    Some(Certificate { node: record.str("node")?.parse().ok()?, revoked: record.bool("revoked")? })
}

/// The certificate with this fingerprint, if it was ever registered. 1 get.
pub async fn find(ports: &Ports, fingerprint: &Fingerprint) -> Result<Option<Certificate>> {
    Ok(ports.table.get(&fingerprint_key(fingerprint)).await?.as_ref().and_then(read))
}

/// Makes the certificate the node's; the one that it had before is revoked. A certificate that is
/// another node's, or was revoked, is refused. 1 batched get, 1 batch.
pub async fn register(ports: &Ports, node: &Grant<Itself>, certificate: &NewCertificate) -> Result<()> {
    let (id, own) = (node.node(), fingerprint_key(&certificate.fingerprint));
    let mut records = ports.table.get_many(&[key(id, SORT), own]).await?.into_iter();
    let (before, known) = (records.next().flatten(), records.next().flatten());
    if known.as_ref().and_then(read).is_some_and(|known| known.node != *id || known.revoked) {
        return Err(Refusal::InvalidRequest("the certificate is another node's, or was revoked".to_owned()).into());
    }
    let before = before.as_ref().map(Registration::read).transpose()?;
    store(ports, id, certificate, before.as_ref(), known.map_or(When::Absent, |record| When::Version(record.version)), Vec::new()).await
}

/// The same for a certificate that was issued just now in place of this one: a conflict if the node has got
/// another since, or what is to be checked beside does not hold. 1 batch.
pub(crate) async fn replace(
    ports: &Ports,
    node: &Grant<Itself>,
    before: Option<&Registration>,
    certificate: &NewCertificate,
    beside: Vec<Write>,
) -> Result<()> {
    store(ports, node.node(), certificate, before, When::Absent, beside).await
}

async fn store(
    ports: &Ports,
    id: &NodeId,
    certificate: &NewCertificate,
    before: Option<&Registration>,
    unknown: When,
    beside: Vec<Write>,
) -> Result<()> {
    let NewCertificate { fingerprint, der } = certificate;
    let (text, now) = (fingerprint.to_string(), ports.clock.now());
    let unchanged = before.map_or(When::Absent, |before| When::Version(before.version));
    let old = before.map(|before| before.fingerprint.as_str()).filter(|old| *old != text);
    let older = before.and_then(|before| before.former.as_deref());
    let mut node = Merge::new(key(id, SORT))
        .set("fingerprint", text.as_str())
        .set("certificate", Value::Bytes(der.clone()))
        .set("registered_at", now)
        .set("revoked", false)
        .when(unchanged);
    if let Some(old) = old {
        node = node.set("former", old);
        if let Some(older) = older {
            ports.fleet.revoke(id.as_str(), older).await?;
        }
    }
    let mut writes = vec![
        Write::Merge(node),
        Write::put(fingerprint_key(fingerprint), [("node", Value::from(id.as_str())), ("revoked", false.into())], unknown),
        Write::put(Key::new(TableId::Nodes, REGISTRY, id.as_str()), [("registered_at", now)], When::Always),
    ];
    writes.extend(beside);
    writes.extend(old.map(|old| [mark_revoked(old), note_revocation(ports, id)]).into_iter().flatten());
    ports.table.write(Batch::new(writes)?).await?;
    tell(ports, id, old.or(older), der).await?;
    if old.is_some() { Ok(ports.fleet.disconnect(id.as_str()).await?) } else { Ok(()) }
}

/// Has the broker know what is written, if it was not told in full when it was written. For who asks for the
/// node's certificate once more.
pub(crate) async fn open(ports: &Ports, node: &Grant<Itself>, known: &Registration) -> Result<()> {
    tell(ports, node.node(), known.former.as_deref(), &known.certificate).await
}

async fn tell(ports: &Ports, id: &NodeId, former: Option<&str>, certificate: &[u8]) -> Result<()> {
    if let Some(former) = former {
        ports.fleet.revoke(id.as_str(), former).await?;
    }
    Ok(ports.fleet.register(id.as_str(), certificate).await?)
}

/// For the broker's process, which may be another.
fn note_revocation(ports: &Ports, node: &NodeId) -> Write {
    Write::Put {
        key: Key::new(TableId::Nodes, REVOCATIONS, format!("{:016}#{node}", ports.clock.now_ms())),
        fields: [("node".to_owned(), node.as_str().into())].into(),
        expires: Some(ports.clock.now() + REVOCATION_SECONDS),
        when: When::Always,
    }
}

fn mark_revoked(fingerprint: &str) -> Write {
    let key = Key::new(TableId::Nodes, format!("cert#{fingerprint}"), "certificate");
    Write::Merge(Merge::new(key).set("revoked", true).when(When::Present))
}

/// The node's certificate proves nothing any more, and its connection ends. 1 get, 1 batch.
pub async fn revoke(ports: &Ports, node: &Grant<Itself>) -> Result<()> {
    let id = node.node();
    let known = of(ports, node).await?.ok_or(Refusal::InvalidNodeId)?;
    for fingerprint in known.former.iter().chain([&known.fingerprint]) {
        ports.fleet.revoke(id.as_str(), fingerprint).await?;
    }
    let writes = vec![
        Write::Merge(Merge::new(key(id, SORT)).set("revoked", true).when(When::Version(known.version))),
        mark_revoked(&known.fingerprint),
        note_revocation(ports, id),
    ];
    ports.table.write(Batch::new(writes)?).await?;
    Ok(ports.fleet.disconnect(id.as_str()).await?)
}

/// Ends the connections of nodes that were revoked since, also by another process; returns where to go
/// on. `None` begins with all that are still noted.
pub async fn end_revoked(ports: &Ports, after: Option<Cursor>) -> Result<Option<Cursor>> {
    let page = ports.table.query(Query::prefix(TableId::Nodes, REVOCATIONS, "", 100).after(after.clone())).await?;
    let nodes: Vec<NodeId> = page.records.iter().filter_map(|record| record.str("node")?.parse().ok()).collect();
    let keys: Vec<Key> = nodes.iter().map(|id| key(id, SORT)).collect();
    let now = ports.table.get_many(&keys).await?;
    for (node, record) in nodes.iter().zip(now) {
        // One that has got a new certificate since is left alone once its old connection has ended.
        let renewed = record.filter(|record| record.bool("revoked") == Some(false)).and_then(|record| record.int("registered_at"));
        if renewed.is_none_or(|at| at + RENEWED_SECONDS > ports.clock.now()) {
            ports.fleet.disconnect(node.as_str()).await?;
        }
    }
    let last = page.records.last().map(|record| Cursor::at(record.key.sort.clone())).or(after);
    Ok(last)
}

/// A node as it stands in that list, if it was ever registered. 1 get.
pub(super) async fn registered(ports: &Ports, node: &NodeId) -> Result<Option<Registered>> {
    Ok(ports.table.get(&key(node, SORT)).await?.and_then(|record| Registered::read(node.clone(), &record)))
}

/// A page of all nodes ever registered. 1 query, 1 batched get.
pub async fn list(ports: &Ports, limit: usize, after: Option<Cursor>) -> Result<(Vec<Registered>, Option<Cursor>)> {
    let Page { records, next } = ports.table.query(Query::prefix(TableId::Nodes, REGISTRY, "", limit).after(after)).await?;
    let ids: Vec<NodeId> = records.iter().filter_map(|record| record.key.sort.parse().ok()).collect();
    let keys: Vec<Key> = ids.iter().map(|id| key(id, SORT)).collect();
    let nodes = ports.table.get_many(&keys).await?;
    let registered = ids.into_iter().zip(nodes).filter_map(|(node, record)| Registered::read(node, &record?));
    Ok((registered.collect(), next))
}
