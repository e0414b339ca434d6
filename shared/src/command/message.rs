//! Messages of command–response: elements of type, length and value (contract `mqtt-and-node.md` §2.12).

use crate::access::{association::Association, role::RoleName};

/// The role of somebody who administers the cloud.
pub const SUPER_ADMIN: u8 = 0x01;
const PRIMARY: u8 = 0x02;
const SECONDARY: u8 = 0x04;
/// In a command that the node itself gives.
const NODE: u8 = 0x08;
/// The bit of the first of the four sub-roles.
const SUB_ROLE: u8 = 0x10;

/// The command that sets params.
pub const SET_PARAMS: u16 = 1;
/// Bytes of a request id at most: with 32 the firmware's answer is garbled, with more it refuses.
pub const MAX_ID: usize = 31;

const REQUEST_ID: u8 = 1;
const ROLE: u8 = 2;
const STATUS: u8 = 3;
const COMMAND: u8 = 5;
const DATA: u8 = 6;
/// The length of an element that the next one of its type continues.
const FULL: usize = 255;

/// What a node says on `from-node`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FromNode {
    /// The command's id, as the cloud gave it; empty in a poll, and where the node could not use it.
    pub request_id: String,
    /// In a command of the node's own: `0x08`.
    pub role: Option<u8>,
    /// How it ended: 0 success, 1 failed, 2 not valid, 3 not permitted, 4 no such command.
    pub status: u8,
    /// Which command.
    pub command: u16,
    /// What the command's handler answers.
    pub data: Vec<u8>,
}

impl FromNode {
    /// Does it only ask for what waits?
    pub fn is_poll(&self) -> bool {
        self.request_id.is_empty() && self.status == 0 && self.command == 0
    }

    /// Is it a command that the node gives, not an answer?
    pub fn is_command(&self) -> bool {
        self.role.is_some_and(|role| role & NODE != 0)
    }
}

/// The role of somebody with this association: a bit for what they are to the node, and one for their sub-role.
pub fn role_of(association: &Association) -> u8 {
    let role = match association.role {
        RoleName::Primary => PRIMARY,
        RoleName::Secondary => SECONDARY,
    };
    let sub_role = association.sub_role.filter(|number| (1..=4).contains(number));
    role | sub_role.map_or(0, |number| SUB_ROLE << (number - 1))
}

/// A command as nodes read it on `to-node`; the id has 1 to [`MAX_ID`] bytes.
pub fn request(id: &str, role: u8, command: u16, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + id.len() + data.len() + data.len() / FULL * 2);
    put(&mut out, REQUEST_ID, id.as_bytes());
    put(&mut out, ROLE, &[role]);
    put(&mut out, COMMAND, &command.to_le_bytes());
    put(&mut out, DATA, data);
    out
}

/// Writes a value in pieces, all full but the last, which is never empty.
fn put(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    for piece in value.chunks(FULL) {
        out.push(kind);
        out.extend(u8::try_from(piece.len()));
        out.extend_from_slice(piece);
    }
}

/// Parses a message of a node; `None` if it is none. Elements of types that are not known are passed over;
/// status and command must be there, because nodes always send them.
pub fn parse(payload: &[u8]) -> Option<FromNode> {
    let (mut message, mut status, mut command) = (FromNode::default(), None, None);
    let mut rest = payload;
    while !rest.is_empty() {
        let (kind, value, after) = element(rest)?;
        rest = after;
        match kind {
            REQUEST_ID => message.request_id = String::from_utf8(value).ok()?,
            ROLE => message.role = Some(number(&value)?),
            STATUS => status = Some(number(&value)?),
            COMMAND => command = Some(u16::from_le_bytes(value.try_into().ok()?)),
            DATA => message.data = value,
            _ => {}
        }
    }
    Some(FromNode { status: status?, command: command?, ..message })
}

fn number(value: &[u8]) -> Option<u8> {
    if let [number] = value { Some(*number) } else { None }
}

/// The first element, put together from its pieces, and what comes after it.
fn element(mut rest: &[u8]) -> Option<(u8, Vec<u8>, &[u8])> {
    let kind = *rest.first()?;
    let mut value = Vec::new();
    loop {
        let length = usize::from(*rest.get(1)?);
        value.extend(rest.get(2..2 + length)?);
        rest = &rest[2 + length..];
        if length < FULL || rest.first() != Some(&kind) {
            return Some((kind, value, rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_firmwares_own_messages_are_understood() {
        let poll = parse(&bytes("010003010005020000")).unwrap();
        assert!(poll.is_poll());
        let answer = parse(&bytes("010572657130310301000502010006147b22737461747573223a2273756363657373227d")).unwrap();
        let expected =
            FromNode { request_id: "req01".into(), role: None, status: 0, command: 1, data: br#"{"status":"success"}"#.to_vec() };
        assert!(answer == expected && !answer.is_poll());
        assert_eq!(parse(&bytes("0105726571303103010305020100")).unwrap().status, 3);
        assert_eq!(parse(&bytes("0105726571303103010405020010")).unwrap().command, 0x1000);
        let own = parse(&bytes("01056e6f6465310201080301000502011006077b2261223a317d")).unwrap();
        assert_eq!((own.role, own.command, &own.data[..], own.is_poll()), (Some(8), 0x1001, &br#"{"a":1}"#[..], false));
        assert!(!parse(&bytes("010003010205020100")).unwrap().is_poll(), "a request that the node could not use");
    }

    #[test]
    fn a_request_is_what_the_firmware_reads() {
        let written = request("req01", PRIMARY, SET_PARAMS, br#"{"params":{"Light":{"Power":true}}}"#);
        let expected = "010572657130310201020502010006237b22706172616d73223a7b224c69676874223a7b22506f776572223a747275657d7d7d";
        assert_eq!(written, bytes(expected));
        assert_eq!(request("r", SUPER_ADMIN, 0x1000, b""), bytes("01017202010105020010"));
    }

    #[test]
    fn roles_and_sub_roles_are_bits() {
        let role = |role, sub_role| role_of(&Association::own("n1".parse().unwrap(), role, sub_role, 0));
        assert_eq!([None, Some(1), Some(2), Some(3), Some(4)].map(|sub| role(RoleName::Primary, sub)), [0x02, 0x12, 0x22, 0x42, 0x82]);
        assert_eq!([None, Some(1), Some(4)].map(|sub| role(RoleName::Secondary, sub)), [0x04, 0x14, 0x84]);
        assert_eq!([Some(0), Some(5), Some(255)].map(|sub| role(RoleName::Secondary, sub)), [0x04; 3]);
    }

    #[test]
    fn long_data_is_cut_as_the_firmware_cuts_it() {
        let pieces = |length: usize| {
            let mut rest = &request("r", PRIMARY, 1, &vec![7; length])[10..];
            let mut pieces = Vec::new();
            while let [DATA, length, after @ ..] = rest {
                pieces.push(*length);
                rest = &after[usize::from(*length)..];
            }
            pieces
        };
        let expected: [&[u8]; 6] = [&[], &[254], &[255], &[255, 1], &[255, 255], &[255, 255, 90]];
        assert_eq!([0, 254, 255, 256, 510, 600].map(pieces), expected);
    }

    #[test]
    fn long_values_are_put_together() {
        for (length, pieces) in [(510, vec![255, 255]), (600, vec![255, 255, 90])] {
            let mut message = bytes("010003010005020100");
            for piece in &pieces {
                message.extend([6, u8::try_from(*piece).unwrap()]);
                message.extend(vec![7; *piece]);
            }
            assert_eq!(parse(&message).unwrap().data, vec![7; length]);
        }
    }

    #[test]
    fn what_is_no_message_is_none() {
        for junk in ["", "00", "01", "0105", "01057265", "010003010005", "0100030100050100", "0100030200000502000", "7b7d"] {
            assert_eq!(parse(&bytes(&junk[..junk.len() & !1])), None, "{junk}");
        }
        assert_eq!(parse(b"{}"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(id in "[a-zA-Z0-9]{1,31}", role: u8, command: u16, data in proptest::collection::vec(any::<u8>(), 0..1200)) {
            // Answers have a status besides.
            let answer = [request(&id, role, command, &data), vec![STATUS, 1, 0]].concat();
            let expected = FromNode { request_id: id, role: Some(role), status: 0, command, data };
            prop_assert_eq!(parse(&answer), Some(expected));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse(&bytes);
        }
    }
}
