//! Commands from the cloud and their answers: elements of type, length and value.

/// The command that sets params.
pub(super) const SET_PARAMS: u16 = 1;
/// What a node publishes on every connect to get the commands that wait for it.
pub(super) const POLL: [u8; 9] = [1, 0, 3, 1, 0, 5, 2, 0, 0];

const ID: u8 = 1;
const ROLE: u8 = 2;
const STATUS: u8 = 3;
const COMMAND: u8 = 5;
const DATA: u8 = 6;

const SUCCESS: u8 = 0;
const FAILED: u8 = 1;
const INVALID: u8 = 2;
const FORBIDDEN: u8 = 3;
const UNKNOWN: u8 = 4;

/// Super-admin, primary and secondary user.
const USERS: u8 = 0x07;
const LONGEST_ID: usize = 32;
const LONGEST_DATA: usize = 2047;

/// Answers a request. `set_params` gets the data of such a command and returns the data of the answer, if it was any good.
pub(super) fn answer(request: &[u8], set_params: impl FnOnce(&str) -> Option<String>) -> Vec<u8> {
    let element = |kind| value(request, kind);
    let command = element(COMMAND).unwrap_or_default();
    let mut id = element(ID).unwrap_or_default();
    let role = element(ROLE).and_then(|role| role.first().copied());
    let known = command == SET_PARAMS.to_le_bytes();
    let mut data = None;
    let status = match role {
        _ if id.len() > LONGEST_ID => {
            id.clear();
            INVALID
        }
        Some(_) if id.is_empty() || command.len() != 2 => INVALID,
        None => INVALID,
        Some(_) if !known => UNKNOWN,
        Some(role) if role & USERS == 0 => FORBIDDEN,
        Some(_) => {
            let sent = element(DATA).filter(|data| data.len() <= LONGEST_DATA).and_then(|data| String::from_utf8(data).ok());
            data = sent.and_then(|sent| set_params(&sent));
            if data.is_some() { SUCCESS } else { FAILED }
        }
    };
    // With an id that fills its buffer, the device's answer runs into the next field.
    if id.len() == LONGEST_ID {
        id.extend(role);
    }
    let mut out = Vec::new();
    put(&mut out, ID, &id);
    put(&mut out, STATUS, &[status]);
    put(&mut out, COMMAND, &command);
    if let Some(data) = data {
        put(&mut out, DATA, data.as_bytes());
    }
    out
}

/// The value of the first element of a kind, put together from its pieces.
fn value(mut message: &[u8], wanted: u8) -> Option<Vec<u8>> {
    let mut found: Option<Vec<u8>> = None;
    while let [kind, length, rest @ ..] = message {
        let (piece, after) = rest.split_at_checked(usize::from(*length))?;
        if *kind == wanted {
            found.get_or_insert_default().extend_from_slice(piece);
        }
        if found.is_some() && (*kind != wanted || piece.len() < 255) {
            return found;
        }
        message = after;
    }
    found
}

fn put(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    let mut pieces = value.chunks(255);
    let mut piece = pieces.next().unwrap_or_default();
    loop {
        out.extend([kind, u8::try_from(piece.len()).unwrap_or(u8::MAX)]);
        out.extend_from_slice(piece);
        match pieces.next() {
            Some(next) => piece = next,
            None => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    fn request(id: &[u8], role: Option<u8>, command: u16, data: &str) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, ID, id);
        if let Some(role) = role {
            put(&mut out, ROLE, &[role]);
        }
        put(&mut out, COMMAND, &command.to_le_bytes());
        put(&mut out, DATA, data.as_bytes());
        out
    }

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn the_vectors_of_the_contract() {
        assert_eq!(POLL.to_vec(), bytes("010003010005020000"));
        let sent = request(b"req01", Some(2), 1, r#"{"params":{"Light":{"Power":true}}}"#);
        let expected = "010572657130310201020502010006237b22706172616d73223a7b224c69676874223a7b22506f776572223a747275657d7d7d";
        assert_eq!(sent, bytes(expected));
        let answered = answer(&sent, |data| {
            assert_eq!(data, r#"{"params":{"Light":{"Power":true}}}"#);
            Some(r#"{"status":"success"}"#.to_owned())
        });
        assert_eq!(answered, bytes("010572657130310301000502010006147b22737461747573223a2273756363657373227d"));
        assert_eq!(answer(&request(b"req01", Some(8), 1, "{}"), none), bytes("0105726571303103010305020100"));
        assert_eq!(answer(&request(b"req01", Some(2), 0x1000, "{}"), none), bytes("0105726571303103010405020010"));
        assert_eq!(answer(&request(b"req01", None, 1, "{}"), none), bytes("0105726571303103010205020100"));
        assert_eq!(answer(&request(&[b'x'; 36], Some(2), 1, "{}"), none), bytes("010003010205020100"));
    }

    #[test]
    fn an_id_of_32_comes_back_with_the_role_behind_it() {
        let answered = answer(&request(&[b'x'; 32], Some(2), 0x1000, ""), none);
        assert_eq!(answered[..2], [1, 33]);
        assert_eq!(answered[34], 2);
    }

    #[test]
    fn long_data_comes_in_pieces() {
        for length in [0, 254, 255, 256, 510, 600] {
            let data = "d".repeat(length);
            let mut got = String::new();
            answer(&request(b"r", Some(1), 1, &data), |sent| {
                sent.clone_into(&mut got);
                None
            });
            assert_eq!(got, data);
        }
        let mut out = Vec::new();
        put(&mut out, DATA, &[0; 510]);
        assert_eq!(out.len(), 514);
    }
}
