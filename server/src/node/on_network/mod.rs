//! How a node proves who it is to somebody on its own network (contract `mqtt-and-node.md` §4.3): protocomm over HTTP,
//! where an app has it sign the cloud's challenge. Once the node is mapped the app ends it.

mod messages;
mod session;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use prost::Message as _;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::messages::{ChResp, Empty, Kind, NodeId, Outcome, Payload, Signed};
pub(super) use self::session::Security;
use self::session::Session;
use super::say::{Event, Say};
use super::signer::Signer;

/// Bytes of a request that the device has room for.
const LONGEST: usize = 4096;
/// From the order to end it until it ends.
const END_DELAY: Duration = Duration::from_secs(2);
/// Bytes of the node's randomness that are its proof of possession, in hexadecimal digits.
const POP_DIGITS: usize = 8;
const CAPABILITIES: &str = r#"{"on_network":{"ver":"v1.0","cap":["ch_resp"]}}"#;

/// The security of this number; the proof is what is given, else what the node's folder says.
pub(super) fn security(version: u8, pop: Option<String>, folder: &Path) -> anyhow::Result<Security> {
    let own = || {
        let random = std::fs::read_to_string(folder.join("random.info"));
        let random = random.ok().and_then(|random| random.get(..POP_DIGITS).map(ToOwned::to_owned));
        random.with_context(|| format!("{} holds no random.info with a proof of possession; name one with --pop", folder.display()))
    };
    Ok(if version == 0 { Security::None } else { Security::Proof(pop.map_or_else(own, Ok)?) })
}

/// Begins to answer at this address, and tells where.
pub(super) async fn start(address: SocketAddr, security: Security, signer: Signer, say: Say) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen at {address}"))?;
    let address = listener.local_addr()?.to_string();
    let pop = if let Security::Proof(pop) = &security { pop.as_str() } else { "" };
    say.tell(&Event::OnNetwork { address: &address, sec_ver: security.version(), pop });
    let service = Arc::new(Service::new(security, signer, say));
    tokio::spawn(async move {
        service.end.clone().run_until_cancelled(serve(listener, &service)).await;
        service.say.tell(&Event::OffNetwork);
    });
    Ok(())
}

/// Takes connections as long as there can be any.
async fn serve(listener: TcpListener, service: &Arc<Service>) {
    while let Ok((stream, _)) = listener.accept().await {
        // A client looks for the cookie in a header of exactly the device's spelling.
        let connection = http1::Builder::new()
            .title_case_headers(true)
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router(Arc::clone(service))));
        let end = service.end.clone();
        tokio::spawn(end.run_until_cancelled_owned(connection));
    }
}

fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/esp_local_ctrl/version", post(async || CAPABILITIES))
        .route("/esp_local_ctrl/session", post(handshake))
        .route("/ch_resp", post(challenge))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(service)
}

struct Service {
    security: Security,
    signer: Signer,
    say: Say,
    end: CancellationToken,
    state: Mutex<Talk>,
}

/// The one conversation that the device has at a time, with the cookie by which it is known.
struct Talk {
    cookie: String,
    session: Session,
    disabled: bool,
}

impl Service {
    fn new(security: Security, signer: Signer, say: Say) -> Self {
        let talk = Talk { cookie: String::new(), session: Session::New, disabled: false };
        Self { security, signer, say, end: CancellationToken::new(), state: Mutex::new(talk) }
    }

    fn answer(&self, request: &ChResp, disabled: &mut bool) -> ChResp {
        let node_id = self.signer.node_id.to_string();
        let kind = Kind::try_from(request.msg).ok();
        let answer = |msg: Kind, status: Outcome, payload| ChResp { msg: msg.into(), status: status.into(), payload };
        match (kind, &request.payload) {
            (Some(Kind::Challenge), _) if *disabled => answer(Kind::Signed, Outcome::Disabled, None),
            (Some(Kind::Challenge), Some(Payload::Challenge(challenge))) if !challenge.text.is_empty() => {
                self.say.tell(&Event::Challenged { challenge: &String::from_utf8_lossy(&challenge.text) });
                match self.signer.sign(&challenge.text) {
                    Ok(signature) => answer(Kind::Signed, Outcome::Success, Some(Payload::Signed(Signed { signature, node_id }))),
                    Err(_) => answer(Kind::Signed, Outcome::Fail, None),
                }
            }
            (Some(Kind::GetNodeId), _) => answer(Kind::NodeId, Outcome::Success, Some(Payload::NodeId(NodeId { node_id }))),
            (Some(Kind::Disable), _) => {
                *disabled = true;
                answer(Kind::Disabled, Outcome::Success, Some(Payload::Disabled(Empty {})))
            }
            _ => answer(Kind::Signed, Outcome::InvalidParam, None),
        }
    }
}

/// `esp_local_ctrl/session`: a client without the conversation's cookie begins another one.
async fn handshake(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut talk = service.state.lock();
    let fresh = talk.cookie.is_empty() || cookie(&headers) != Some(&talk.cookie);
    if fresh {
        let Some(cookie) = random() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
        (talk.cookie, talk.session) = (cookie, Session::New);
    }
    match talk.session.handshake(&service.security, &body) {
        Ok(answer) if fresh => ([(header::SET_COOKIE, format!("session={}", talk.cookie))], answer).into_response(),
        Ok(answer) => answer.into_response(),
        Err(error) => {
            talk.cookie.clear();
            service.say.tell(&Event::Ignored { device: None, param: None, why: &format!("a handshake: {error}") });
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `ch_resp`: the challenge, the node's id, or the end.
async fn challenge(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut talk = service.state.lock();
    if talk.cookie.is_empty() || cookie(&headers) != Some(&talk.cookie) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let request = talk.session.apply(body.into()).and_then(|request| ChResp::decode(request.as_slice()).ok());
    let Some(request) = request else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let was_disabled = talk.disabled;
    let answer = service.answer(&request, &mut talk.disabled).encode_to_vec();
    if talk.disabled && !was_disabled {
        let end = service.end.clone();
        tokio::spawn(async move {
            sleep(END_DELAY).await;
            end.cancel();
        });
    }
    talk.session
        .apply(answer)
        .map_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response(), axum::response::IntoResponse::into_response)
}

/// The value of the conversation's cookie.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("session="))
}

fn random() -> Option<String> {
    let mut bytes = [0; 4];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(u32::from_be_bytes(bytes).to_string())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tower::ServiceExt as _;

    use super::messages::Challenge;
    use super::session::tests::Client;
    use super::*;

    const POP: &str = "9f31c0aa";

    /// A service, and the conversation of one client with it.
    struct Lab {
        router: Router,
        service: Arc<Service>,
        cookie: Option<String>,
        client: Client,
    }

    impl Lab {
        async fn new() -> Self {
            let pair = rcgen::KeyPair::generate().unwrap();
            let key = PrivateKeyDer::try_from(pair.serialize_der()).unwrap();
            let signer = Signer::new("n1", &key).unwrap();
            let service = Arc::new(Service::new(Security::Proof(POP.to_owned()), signer, Say::nothing("n1")));
            let mut lab = Self { router: router(Arc::clone(&service)), service, cookie: None, client: Client::new() };
            lab.open().await;
            lab
        }

        async fn open(&mut self) {
            self.client = Client::new();
            let (_, answer) = self.post("/esp_local_ctrl/session", self.client.first()).await;
            let second = self.client.second(&answer, POP);
            let (status, answer) = self.post("/esp_local_ctrl/session", second).await;
            assert!(status == StatusCode::OK && self.client.accepts(&answer));
        }

        async fn post(&mut self, path: &str, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
            let mut request = Request::post(path);
            if let Some(cookie) = &self.cookie {
                request = request.header(header::COOKIE, cookie);
            }
            let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
            if let Some(cookie) = response.headers().get(header::SET_COOKIE) {
                self.cookie = Some(cookie.to_str().unwrap().to_owned());
            }
            (response.status(), to_bytes(response.into_body(), LONGEST).await.unwrap().to_vec())
        }

        async fn ask(&mut self, msg: Kind, payload: Option<Payload>) -> ChResp {
            let sent = self.client.apply(ChResp { msg: msg.into(), status: 0, payload }.encode_to_vec());
            let (status, answer) = self.post("/ch_resp", sent).await;
            assert_eq!(status, StatusCode::OK);
            ChResp::decode(self.client.apply(answer).as_slice()).unwrap()
        }

        async fn challenge(&mut self, text: &[u8]) -> ChResp {
            self.ask(Kind::Challenge, Some(Payload::Challenge(Challenge { text: text.to_vec() }))).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_challenge_is_signed_until_the_app_ends_it() {
        let mut lab = Lab::new().await;
        let answer = lab.challenge(b"the challenge").await;
        let Some(Payload::Signed(signed)) = &answer.payload else { panic!("not signed") };
        assert_eq!((answer.msg(), answer.status(), signed.node_id.as_str()), (Kind::Signed, Outcome::Success, "n1"));
        assert_eq!(signed.signature[0], 0x30, "DER");
        let id = lab.ask(Kind::GetNodeId, None).await;
        assert_eq!(id.payload, Some(Payload::NodeId(NodeId { node_id: "n1".to_owned() })));
        assert_eq!(lab.challenge(b"").await.status(), Outcome::InvalidParam);

        assert_eq!(lab.ask(Kind::Disable, None).await.status(), Outcome::Success);
        assert_eq!(lab.challenge(b"another").await.status(), Outcome::Disabled);
        assert!(!lab.service.end.is_cancelled());
        sleep(END_DELAY + Duration::from_millis(1)).await;
        assert!(lab.service.end.is_cancelled());
    }

    #[tokio::test]
    async fn nobody_is_answered_without_a_conversation_of_his_own() {
        let mut lab = Lab::new().await;
        let mine = lab.cookie.take();
        let (status, _) = lab.post("/ch_resp", b"x".to_vec()).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "without a cookie");
        lab.open().await;
        assert_ne!(lab.cookie, mine, "another conversation");
        assert_eq!(lab.challenge(b"c").await.status(), Outcome::Success);
        lab.cookie = mine;
        let (status, _) = lab.post("/ch_resp", b"x".to_vec()).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "the one before has ended");
        let (status, _) = lab.post("/ch_resp", vec![0; LONGEST + 1]).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        let (status, text) = lab.post("/esp_local_ctrl/version", Vec::new()).await;
        assert_eq!((status, text.as_slice()), (StatusCode::OK, CAPABILITIES.as_bytes()));
    }
}
