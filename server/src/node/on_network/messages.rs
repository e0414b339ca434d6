//! The protobuf messages of the local network: the handshakes of protocomm, and challenges (contract
//! `mqtt-and-node.md` §4.3). Field names are ours; numbers are the protocol's.

use prost::{Enumeration, Message, Oneof};

/// What is said before anything else, both ways.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionData {
    /// 0 or 1.
    #[prost(uint32, tag = "2")]
    pub(super) sec_ver: u32,
    #[prost(oneof = "Proto", tags = "10, 11")]
    pub(super) proto: Option<Proto>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Proto {
    #[prost(message, tag = "10")]
    Sec0(Sec0),
    #[prost(message, tag = "11")]
    Sec1(Sec1),
}

/// The handshake that secures nothing: 0 is the command, 1 the answer.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Sec0 {
    #[prost(uint32, tag = "1")]
    pub(super) msg: u32,
    #[prost(message, optional, tag = "20")]
    pub(super) command: Option<Empty>,
    #[prost(message, optional, tag = "21")]
    pub(super) answer: Option<Status>,
}

/// The handshake with keys, in two rounds: 0 and 2 are the commands, 1 and 3 the answers.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Sec1 {
    #[prost(uint32, tag = "1")]
    pub(super) msg: u32,
    #[prost(oneof = "Round", tags = "20, 21, 22, 23")]
    pub(super) round: Option<Round>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Round {
    #[prost(message, tag = "20")]
    Command0(Command0),
    #[prost(message, tag = "21")]
    Answer0(Answer0),
    #[prost(message, tag = "22")]
    Command1(Command1),
    #[prost(message, tag = "23")]
    Answer1(Answer1),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Command0 {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) client_public: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Answer0 {
    #[prost(uint32, tag = "1")]
    pub(super) status: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) device_public: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) device_random: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Command1 {
    #[prost(bytes = "vec", tag = "2")]
    pub(super) client_proof: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Answer1 {
    #[prost(uint32, tag = "1")]
    pub(super) status: u32,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) device_proof: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(uint32, tag = "1")]
    pub(super) status: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Empty {}

/// What is asked of the node's key, and answered.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ChResp {
    #[prost(enumeration = "Kind", tag = "1")]
    pub(super) msg: i32,
    #[prost(enumeration = "Outcome", tag = "2")]
    pub(super) status: i32,
    #[prost(oneof = "Payload", tags = "10, 11, 12, 13, 14, 15")]
    pub(super) payload: Option<Payload>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(super) enum Kind {
    Challenge = 0,
    Signed = 1,
    GetNodeId = 2,
    NodeId = 3,
    Disable = 4,
    Disabled = 5,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(super) enum Outcome {
    Success = 0,
    Fail = 1,
    InvalidParam = 2,
    Disabled = 3,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Payload {
    #[prost(message, tag = "10")]
    Challenge(Challenge),
    #[prost(message, tag = "11")]
    Signed(Signed),
    #[prost(message, tag = "12")]
    GetNodeId(Empty),
    #[prost(message, tag = "13")]
    NodeId(NodeId),
    #[prost(message, tag = "14")]
    Disable(Empty),
    #[prost(message, tag = "15")]
    Disabled(Empty),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Challenge {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) text: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Signed {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) signature: Vec<u8>,
    #[prost(string, tag = "2")]
    pub(super) node_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NodeId {
    #[prost(string, tag = "1")]
    pub(super) node_id: String,
}
