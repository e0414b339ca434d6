//! One secured conversation: protocomm's security 0, which secures nothing, and 1: a key from X25519 and a proof of
//! possession, and AES in counter mode. Both directions share one key stream, so messages go strictly in turn.

use aes::Aes256;
use anyhow::{anyhow, bail, ensure};
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use prost::Message as _;
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use subtle::ConstantTimeEq as _;

use super::messages::{Answer0, Answer1, Proto, Round, Sec0, Sec1, SessionData, Status};

type Stream = Ctr128BE<Aes256>;

/// How conversations are secured.
#[derive(Debug, Clone)]
pub(in super::super) enum Security {
    /// Not at all.
    None,
    /// With this proof of possession; none if it is empty.
    Proof(String),
}

impl Security {
    /// Its number.
    pub(super) fn version(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Proof(_) => 1,
        }
    }
}

/// How far a conversation has come.
pub(super) enum Session {
    /// Nothing was said.
    New,
    /// Keys were exchanged, the client's proof is awaited.
    Keyed {
        /// What the client has to prove that it can encrypt.
        device_public: Vec<u8>,
        /// What the device has to.
        client_public: Vec<u8>,
        /// The key stream.
        stream: Box<Stream>,
    },
    /// Both sides know each other; without a key stream they trust each other.
    Open(Option<Box<Stream>>),
}

impl Session {
    /// Answers a message of the handshake, or breaks the conversation off.
    pub(super) fn handshake(&mut self, security: &Security, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let request = SessionData::decode(request)?;
        ensure!(request.sec_ver == u32::from(security.version()), "the client asks for security {}", request.sec_ver);
        let was = std::mem::replace(self, Self::New);
        let (proto, next) = match (security, request.proto) {
            (Security::None, Some(Proto::Sec0(_)) | None) => {
                (Proto::Sec0(Sec0 { msg: 1, command: None, answer: Some(Status::default()) }), Self::Open(None))
            }
            (Security::Proof(pop), Some(Proto::Sec1(Sec1 { round: Some(round), .. }))) => {
                let (msg, round, next) = match (was, round) {
                    (_, Round::Command0(command)) => exchange(&command.client_public, pop)?,
                    (Self::Keyed { device_public, client_public, stream }, Round::Command1(command)) => {
                        prove(&command.client_proof, &device_public, client_public, stream)?
                    }
                    _ => bail!("the handshake is out of order"),
                };
                (Proto::Sec1(Sec1 { msg, round: Some(round) }), next)
            }
            _ => bail!("the handshake is of another kind"),
        };
        *self = next;
        Ok(SessionData { sec_ver: request.sec_ver, proto: Some(proto) }.encode_to_vec())
    }

    /// Encrypts or decrypts the next message, which is the same; nothing if the conversation is not open.
    pub(super) fn apply(&mut self, mut message: Vec<u8>) -> Option<Vec<u8>> {
        let Self::Open(stream) = self else { return None };
        if let Some(stream) = stream {
            stream.apply_keystream(&mut message);
        }
        Some(message)
    }
}

/// The first round: both public keys, and where the key stream begins.
fn exchange(client_public: &[u8], pop: &str) -> anyhow::Result<(u32, Round, Session)> {
    let system = SystemRandom::new();
    let no_random = |_| anyhow!("the system gave no random bytes");
    let private = EphemeralPrivateKey::generate(&X25519, &system).map_err(no_random)?;
    let device_public = private.compute_public_key().map_err(no_random)?.as_ref().to_vec();
    let mut random = [0; 16];
    system.fill(&mut random).map_err(no_random)?;
    let key = agree_ephemeral(private, &UnparsedPublicKey::new(&X25519, client_public), |shared| key(shared, pop))
        .map_err(|_| anyhow!("the client's key is no X25519 key"))?;
    let stream = Stream::new(&key.into(), &random.into());
    let answer = Answer0 { status: 0, device_public: device_public.clone(), device_random: random.to_vec() };
    let next = Session::Keyed { device_public, client_public: client_public.to_vec(), stream: Box::new(stream) };
    Ok((1, Round::Answer0(answer), next))
}

/// The shared secret, mixed with the hash of the proof of possession if there is one.
fn key(shared: &[u8], pop: &str) -> [u8; 32] {
    let mut key = [0; 32];
    let hash = (!pop.is_empty()).then(|| digest(&SHA256, pop.as_bytes()));
    let mask = hash.as_ref().map_or([0; 32].as_slice(), AsRef::as_ref);
    for ((key, shared), mask) in key.iter_mut().zip(shared).zip(mask) {
        *key = shared ^ mask;
    }
    key
}

/// The second round: each side encrypts the other's public key.
fn prove(proof: &[u8], device_public: &[u8], mut client_public: Vec<u8>, mut stream: Box<Stream>) -> anyhow::Result<(u32, Round, Session)> {
    let mut proven = proof.to_vec();
    stream.apply_keystream(&mut proven);
    ensure!(bool::from(proven.ct_eq(device_public)), "the client does not know the proof of possession");
    stream.apply_keystream(&mut client_public);
    Ok((3, Round::Answer1(Answer1 { status: 0, device_proof: client_public }), Session::Open(Some(stream))))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::messages::{Command0, Command1};
    use super::*;

    /// The client's side, by the public protocol.
    pub(in super::super) struct Client {
        private: Option<EphemeralPrivateKey>,
        public: Vec<u8>,
        stream: Option<Stream>,
    }

    impl Client {
        pub(in super::super) fn new() -> Self {
            let private = EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).unwrap();
            let public = private.compute_public_key().unwrap().as_ref().to_vec();
            Self { private: Some(private), public, stream: None }
        }

        pub(in super::super) fn first(&self) -> Vec<u8> {
            let round = Round::Command0(Command0 { client_public: self.public.clone() });
            SessionData { sec_ver: 1, proto: Some(Proto::Sec1(Sec1 { msg: 0, round: Some(round) })) }.encode_to_vec()
        }

        pub(in super::super) fn second(&mut self, answer: &[u8], pop: &str) -> Vec<u8> {
            let Some(Proto::Sec1(Sec1 { msg: 1, round: Some(Round::Answer0(answer)) })) = SessionData::decode(answer).unwrap().proto else {
                panic!("another answer")
            };
            let device = UnparsedPublicKey::new(&X25519, &answer.device_public);
            let key = agree_ephemeral(self.private.take().unwrap(), &device, |shared| key(shared, pop)).unwrap();
            let random: [u8; 16] = answer.device_random.try_into().unwrap();
            self.stream = Some(Stream::new(&key.into(), &random.into()));
            let round = Round::Command1(Command1 { client_proof: self.apply(answer.device_public) });
            SessionData { sec_ver: 1, proto: Some(Proto::Sec1(Sec1 { msg: 2, round: Some(round) })) }.encode_to_vec()
        }

        /// Does the device know the proof, too?
        pub(in super::super) fn accepts(&mut self, answer: &[u8]) -> bool {
            let Some(Proto::Sec1(Sec1 { msg: 3, round: Some(Round::Answer1(answer)) })) = SessionData::decode(answer).unwrap().proto else {
                panic!("another answer")
            };
            self.apply(answer.device_proof) == self.public
        }

        pub(in super::super) fn apply(&mut self, mut message: Vec<u8>) -> Vec<u8> {
            self.stream.as_mut().unwrap().apply_keystream(&mut message);
            message
        }
    }

    #[test]
    fn who_knows_the_proof_talks_in_turn() {
        for pop in ["9f31c0aa", ""] {
            let (mut client, mut session, security) = (Client::new(), Session::New, Security::Proof(pop.to_owned()));
            let answer = session.handshake(&security, &client.first()).unwrap();
            assert_eq!(session.apply(b"too early".to_vec()), None);
            let answer = session.handshake(&security, &client.second(&answer, pop)).unwrap();
            assert!(client.accepts(&answer));
            for message in ["one", "two"] {
                let sent = client.apply(message.into());
                assert_ne!(sent, message.as_bytes());
                assert_eq!(session.apply(sent).unwrap(), message.as_bytes());
                let answered = session.apply(b"yes".to_vec()).unwrap();
                assert_eq!(client.apply(answered), b"yes");
            }
        }
    }

    #[test]
    fn who_does_not_know_it_begins_anew() {
        let (mut client, mut session, security) = (Client::new(), Session::New, Security::Proof("9f31c0aa".to_owned()));
        let answer = session.handshake(&security, &client.first()).unwrap();
        let second = client.second(&answer, "wrong");
        assert!(session.handshake(&security, &second).unwrap_err().to_string().contains("proof of possession"));
        assert!(session.handshake(&security, &second).unwrap_err().to_string().contains("out of order"));
        assert_eq!(session.apply(b"x".to_vec()), None);
    }

    #[test]
    fn nonsense_is_refused() {
        let (client, security) = (Client::new(), Security::Proof("p".to_owned()));
        let none = SessionData { sec_ver: 0, proto: None }.encode_to_vec();
        let short = Round::Command0(Command0 { client_public: vec![1; 31] });
        let short = SessionData { sec_ver: 1, proto: Some(Proto::Sec1(Sec1 { msg: 0, round: Some(short) })) }.encode_to_vec();
        for (security, request) in
            [(&security, none.as_slice()), (&security, &short), (&security, b"\xff\xff"), (&Security::None, &client.first())]
        {
            assert!(Session::New.handshake(security, request).is_err(), "{request:?}");
        }
        let mut session = Session::New;
        let answer = SessionData::decode(session.handshake(&Security::None, &none).unwrap().as_slice()).unwrap();
        assert!(matches!(answer.proto, Some(Proto::Sec0(Sec0 { msg: 1, .. }))));
        assert_eq!(session.apply(b"plain".to_vec()).unwrap(), b"plain");
    }
}
