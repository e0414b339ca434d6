//! Commands to nodes and their answers (contract `mqtt-and-node.md` §2.12; `rest-1.md`, `/v1/user/nodes/cmd`). One request goes
//! to up to 25 nodes; each has its own command, which ends by itself.
//!
//! | table `nodes` | sample | read by |
//! |---|---|---|
//! | `node#<node>` / `command#<request>` | `{by: "<user>", cmd: 1, data: <bytes>, base64: false, asked: 1790000000, until: 1790000030, status: "success", device_status: 0, response: <bytes>, answered: 1790000001}` | answers, lists |
//! | `node#<node>` / `waiting#<request>` | `{by: "<user>"}` | the node, when it asks what waits |
//! | `commands#user#<user>` / `<request>#<node>` | `{cmd: 1, until: 1790000030}` | lists of what somebody asked for, cancelling |
//!
//! A request's id begins with its time, so each of these orders by time. A user's commands as one who administers lie apart
//! (`commands#admin#<user>`, and `admin: true`).
//!
//! There are no timers. What waits expires as a record, together with the time that the command has; a command past its time
//! counts as timed out to everybody who reads it, whatever was stored. What ended is kept for [`KEEP_SECONDS`].
//!
//! Asking costs 1 batched get, 1 batch and 1 publish for each node online; 1 batched get more if a node is offline. A poll costs
//! 1 query; if anything waits 1 batched get and 1 publish for each, and 1 batch for what is sent for the first time. An answer
//! costs 1 get and 1 batch, and what a report costs if it brings params.

pub mod answer;
pub mod ask;
pub mod cancel;
pub mod deliver;
pub mod list;
pub mod message;

use crate::{
    Error, Ports, Refusal, Result,
    access::{Admin, Caller},
    id::{NodeId, RequestId, UserId},
    node,
    port::table::{Batch, Key, Merge, Record, TableId, Value, When, Write},
};

/// Seconds for which a command is kept after its end.
pub const KEEP_SECONDS: i64 = 30 * 86_400;
/// Commands on a page, at most.
pub const MAX_PAGE: usize = 100;

/// Sort keys of a node's commands begin with this.
const COMMAND: &str = "command#";
/// Sort keys of what waits for a node begin with this.
const WAITING: &str = "waiting#";
/// Tries against other changes of the same command at the same moment.
const TRIES: usize = 5;

/// What became of a command, in the contract's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Status {
    /// Nobody has sent it yet.
    Requested,
    /// It was sent, perhaps more than once.
    InProgress,
    Success,
    Failure,
    TimedOut,
    /// Another took its place.
    Overridden,
    /// Whoever asked took it back, or has the node no more.
    Cancelled,
}

impl Status {
    const ALL: [Self; 7] =
        [Self::Requested, Self::InProgress, Self::Success, Self::Failure, Self::TimedOut, Self::Overridden, Self::Cancelled];

    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::InProgress => "in_progress",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::TimedOut => "timed_out",
            Self::Overridden => "overridden",
            Self::Cancelled => "cancelled",
        }
    }

    /// What this word says.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    fn is_open(self) -> bool {
        matches!(self, Self::Requested | Self::InProgress)
    }
}

/// Who asks. The same person as a user and as one who administers are two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    user: UserId,
    admin: bool,
}

impl Asker {
    /// A user.
    pub fn user(caller: &Caller) -> Self {
        Self { user: caller.user_id().clone(), admin: false }
    }

    /// Somebody who administers the cloud.
    pub fn admin(admin: &Admin) -> std::result::Result<Self, Refusal> {
        // The owner at the machine itself has no account to which answers could go.
        let caller = admin.caller().ok_or(Refusal::NotAuthorized)?;
        Ok(Self { user: caller.user_id().clone(), admin: true })
    }

    /// Is it this user, as a user?
    pub fn is(&self, user: &UserId) -> bool {
        !self.admin && self.user == *user
    }

    fn partition(&self) -> String {
        format!("commands#{}#{}", if self.admin { "admin" } else { "user" }, self.user)
    }

    fn fields(&self) -> impl Iterator<Item = (String, Value)> {
        let admin = self.admin.then(|| ("admin".to_owned(), true.into()));
        [("by".to_owned(), self.user.as_str().into())].into_iter().chain(admin)
    }

    fn read(record: &Record) -> Option<Self> {
        Some(Self { user: record.str("by")?.parse().ok()?, admin: record.bool("admin").unwrap_or_default() })
    }
}

/// What a command brings, or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// JSON, unless it is binary.
    pub bytes: Vec<u8>,
    /// Whoever asked brought it as base64, and gets the answer so.
    pub base64: bool,
}

/// What a node said to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// 0 success, 1 failed, 2 not valid, 3 not permitted, 4 no such command.
    pub device_status: u8,
    /// What it brings; may be empty.
    pub data: Vec<u8>,
    /// When, in seconds since the epoch.
    pub at: i64,
}

/// A command to one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// To whom.
    pub node: NodeId,
    /// One for all nodes of a request.
    pub request: RequestId,
    /// Who asked for it.
    pub by: Asker,
    /// Which.
    pub cmd: u16,
    /// What it brings.
    pub data: Data,
    /// When it was asked for, in seconds since the epoch.
    pub asked: i64,
    /// The second from which it is timed out; `None`: never.
    pub until: Option<i64>,
    /// What the node said first, also after the command's end.
    pub answered: Option<Answered>,
    stored: Status,
    version: u64,
}

impl Command {
    /// What has become of it by this second.
    pub fn status(&self, now: i64) -> Status {
        if self.stored.is_open() && self.until.is_some_and(|until| until <= now) { Status::TimedOut } else { self.stored }
    }

    fn is_open(&self, now: i64) -> bool {
        self.status(now).is_open()
    }

    fn read(record: &Record) -> Result<Self> {
        Self::parts(record).ok_or(Error::Corrupt("command"))
    }

    fn parts(record: &Record) -> Option<Self> {
        let answered = |device_status| {
            let data = record.bytes("response").unwrap_or_default().to_vec();
            Some(Answered { device_status: u8::try_from(device_status).ok()?, data, at: record.int("answered")? })
        };
        Some(Self {
            node: record.key.partition.strip_prefix("node#")?.parse().ok()?,
            request: record.key.sort.strip_prefix(COMMAND)?.parse().ok()?,
            by: Asker::read(record)?,
            cmd: u16::try_from(record.int("cmd")?).ok()?,
            data: Data { bytes: record.bytes("data")?.to_vec(), base64: record.bool("base64")? },
            asked: record.int("asked")?,
            until: record.int("until"),
            answered: record.int("device_status").and_then(answered),
            stored: Status::of(record.str("status")?)?,
            version: record.version,
        })
    }

    /// The writes that note a new command.
    fn note(&self) -> [Write; 3] {
        let until = self.until.map(|until| ("until".to_owned(), Value::from(until)));
        let cmd = ("cmd".to_owned(), Value::from(i64::from(self.cmd)));
        let own = [
            cmd,
            ("data".to_owned(), Value::Bytes(self.data.bytes.clone())),
            ("base64".to_owned(), self.data.base64.into()),
            ("asked".to_owned(), self.asked.into()),
            ("status".to_owned(), self.stored.as_str().into()),
        ];
        let fields = self.by.fields().chain(own).chain(until).collect();
        let waiting = key(&self.node, WAITING, &self.request);
        [
            Write::Put { key: command_key(&self.node, &self.request), fields, expires: self.expires(), when: When::Absent },
            Write::Put { key: waiting, fields: self.by.fields().collect(), expires: self.until, when: When::Always },
            self.index(self.expires()),
        ]
    }

    fn index(&self, expires: Option<i64>) -> Write {
        let until = self.until.map(|until| ("until".to_owned(), Value::from(until)));
        let fields = [("cmd".to_owned(), i64::from(self.cmd).into())].into_iter().chain(until).collect();
        Write::Put { key: index_key(&self.by, &self.request, &self.node), fields, expires, when: When::Always }
    }

    fn expires(&self) -> Option<i64> {
        self.until.map(|until| until + KEEP_SECONDS)
    }

    /// A change of this very state of it.
    fn merge(&self) -> Merge {
        Merge::new(command_key(&self.node, &self.request)).when(When::Version(self.version))
    }

    /// The writes by which it ends, with this change of it.
    fn end(&self, change: Merge, now: i64) -> Vec<Write> {
        let waiting = Write::Delete { key: key(&self.node, WAITING, &self.request), when: When::Always };
        if self.until.is_some() {
            return vec![Write::Merge(change), waiting];
        }
        // Only now it is known how long it is to be kept.
        let expires = now + KEEP_SECONDS;
        vec![Write::Merge(change.expires(expires)), waiting, self.index(Some(expires))]
    }
}

/// Ends a command with the change that this function makes of it, which is asked anew where something else was faster. Says
/// whether it made one. 1 batch; 1 get and 1 batch more for each try.
async fn settle(ports: &Ports, mut command: Command, change: impl Fn(&Command) -> Option<Merge> + Send) -> Result<bool> {
    for _ in 0..TRIES {
        let Some(merge) = change(&command) else { return Ok(false) };
        match ports.table.write(Batch::new(command.end(merge, ports.clock.now()))?).await {
            Err(error) if error.is_conflict() => {}
            done => return Ok(done.map(|_| true)?),
        }
        match ports.table.get(&command_key(&command.node, &command.request)).await? {
            Some(record) => command = Command::read(&record)?,
            None => return Ok(false),
        }
    }
    Err(Refusal::TooManyTries.into())
}

/// Ends an open command so; says whether it was open.
async fn close(ports: &Ports, command: Command, status: Status) -> Result<bool> {
    let now = ports.clock.now();
    settle(ports, command, |command| command.is_open(now).then(|| command.merge().set("status", status.as_str()))).await
}

fn key(node: &NodeId, prefix: &str, request: &RequestId) -> Key {
    node::key(node, &format!("{prefix}{request}"))
}

fn command_key(node: &NodeId, request: &RequestId) -> Key {
    key(node, COMMAND, request)
}

fn index_key(by: &Asker, request: &RequestId, node: &NodeId) -> Key {
    Key::new(TableId::Nodes, by.partition(), format!("{request}#{node}"))
}

/// The request and the node of an entry among somebody's.
fn entry(record: &Record) -> Option<(RequestId, NodeId)> {
    let (request, node) = record.key.sort.split_once('#')?;
    Some((request.parse().ok()?, node.parse().ok()?))
}

/// The beginning of the ids of requests of this moment, in ms since the epoch: 11 hexadecimal digits.
fn moment(ms: i64) -> String {
    format!("{:011x}", ms.clamp(0, 0xfff_ffff_ffff))
}
