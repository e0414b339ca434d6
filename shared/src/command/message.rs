//! Messages of command–response: elements of type, length and value (contract `mqtt-and-node.md` §2.12).

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
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse(&bytes);
        }
    }
}
