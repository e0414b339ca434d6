//! The test kit: a whole cloud in memory, with the real storage engine, real accounts and real routers,
//! and a clock, ids, mail and a fleet that a test can see and set.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, reason = "a test that meets an error is to fail")]

pub mod call;
pub mod emulator;
pub mod keys;
pub mod listener;
pub mod ports;
pub mod runtime_api;
pub mod wire;

use std::sync::Arc;

use axum::{Router, extract::Request, response::Response};
use builtin::{accounts, accounts::Accounts};
use embedded::{
    files::{Files, KEY},
    sqlite::SqliteTable,
};
use serde_json::{Value, json};
use shared::{
    Ports,
    access::Grant,
    event::Event,
    node::{
        certificate::{self, NewCertificate},
        presence::{Change, Order},
    },
    port::{
        Rules,
        clock::Clock as _,
        federation::Providers,
        identity::Privilege,
        table::{
            Batch, Key, Merge, Table, TableId, Value as Stored, When, Write,
            metered::{Meter, Metered},
        },
    },
};
use tempfile::TempDir;
use web::{App, ClientIp, Routes};

pub use call::{Answer, Call};
pub use keys::NodeKey;
use ports::{Clock, Events, Fleet, Ids, Mail, Only};

/// A password that is good enough.
pub const PASSWORD: &str = "Passw0rd";

/// A cloud in memory.
pub struct Cloud {
    /// Everything.
    pub app: App,
    /// The time, which stands still unless told.
    pub clock: Arc<Clock>,
    /// What was published.
    pub fleet: Arc<Fleet>,
    /// What was sent.
    pub mail: Arc<Mail>,
    /// What was told. Nobody listens unless told.
    pub events: Arc<Events>,
    /// What storage was asked.
    pub meter: Arc<Meter>,
    router: Router,
    /// What the node function sees.
    node: App,
    /// Where blobs are.
    _folder: TempDir,
}

/// A user who is logged in.
#[derive(Clone, Debug)]
pub struct User {
    /// The id.
    pub id: String,
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

impl Cloud {
    /// A new one.
    pub fn new() -> Self {
        Self::with_rules(Rules::default())
    }

    /// A new one whose owner decided this.
    pub fn with_rules(rules: Rules) -> Self {
        Self::with(rules, Providers::default())
    }

    /// The same, where people also sign in by these providers.
    pub fn with(rules: Rules, providers: Providers) -> Self {
        let clock = Arc::new(Clock::default());
        let sqlite = SqliteTable::memory(clock.clone()).expect("a database in memory");
        Self::over(Arc::new(sqlite), clock, rules, providers)
    }

    /// The same over this storage, which has the same clock.
    pub fn over(storage: Arc<dyn Table>, clock: Arc<Clock>, rules: Rules, providers: Providers) -> Self {
        let ids = Arc::new(Ids::default());
        let fleet = Arc::new(Fleet::default());
        let mail = Arc::new(Mail::default());
        let events = Arc::new(Events::default());
        let meter = Arc::new(Meter::default());
        let table: Arc<dyn Table> = Arc::new(Metered { inner: storage, meter: meter.clone() });
        let settings = accounts::Settings { issuer: "https://cloud.test".to_owned(), former_issuer: None };
        let of_accounts = Only::over(&table, &[TableId::Access, TableId::Identity]);
        let identity = Arc::new(Accounts::new(of_accounts, mail.clone(), clock.clone(), ids.clone(), settings));
        let folder = tempfile::tempdir().expect("a folder");
        let base = Some("https://cloud.test".to_owned());
        let blobs = Arc::new(Files::new(folder.path().join("blobs"), &[0; KEY], base, clock.clone()));
        let (own_clock, own_events, providers) = (clock.clone(), events.clone(), Arc::new(providers));
        let ports = Ports { table, blobs, fleet: fleet.clone(), identity, providers, events: own_events, clock: own_clock, ids, rules };
        let app = App::new(ports);
        let (user, node) = (only(&app, user::TABLES), only(&app, node::TABLES));
        let (access, ota) = (only(&app, access::TABLES), only(&app, ota::TABLES));
        let routes = user::routes().over(user).merge(node::routes().over(node.clone()));
        let routes = routes.merge(access::routes().over(access)).merge(ota::routes().over(ota));
        let router = web::door::finish(web::openapi::published(routes).router(app.clone()));
        Self { app, clock, fleet, mail, events, meter, router, node, _folder: folder }
    }

    /// The ports.
    pub fn ports(&self) -> &Ports {
        &self.app.ports
    }

    /// Answers a request as the socket door does.
    pub async fn call(&self, call: Call) -> Answer {
        Answer::of(self.respond(call.into_request()).await).await
    }

    /// The same, with the response as it is.
    pub async fn respond(&self, mut request: Request) -> Response {
        request.extensions_mut().insert(ClientIp([127, 0, 0, 1].into()));
        tower::ServiceExt::oneshot(self.router.clone(), request).await.unwrap()
    }

    /// A new user, signed up, confirmed and logged in by the routes.
    pub async fn user(&self, name: &str) -> User {
        let name = format!("{name}@x.io");
        let body = json!({ "user_name": name, "password": PASSWORD });
        self.call(Call::post("/v1/user2").json(&body)).await.expect(201);
        let code = self.mail.code(&name);
        self.call(Call::post("/v1/user2").json(&json!({ "user_name": name, "verification_code": code }))).await.expect(201);
        self.log_in(&name).await
    }

    /// Somebody who may administer, logged in.
    pub async fn admin(&self, name: &str, privilege: Privilege) -> User {
        let name = format!("{name}@x.io");
        self.ports().identity.make(&name.parse().unwrap(), &PASSWORD.parse().unwrap(), privilege).await.unwrap();
        self.log_in(&name).await
    }

    /// Logs in with the password that all have.
    pub async fn log_in(&self, name: &str) -> User {
        let tokens = self.call(Call::post("/v1/login2").json(&json!({ "user_name": name, "password": PASSWORD }))).await.expect(200);
        let text = |key: &str| tokens[key].as_str().unwrap().to_owned();
        let id = self.call(Call::get("/v1/user2").by(&text("accesstoken"))).await.expect(200)["user_id"].as_str().unwrap().to_owned();
        User { id, access: text("accesstoken"), refresh: text("refreshtoken") }
    }

    /// A node publishes.
    pub async fn publish(&self, node: &str, suffix: &str, payload: &str) -> shared::Result<()> {
        self.publish_at(node, suffix, payload, self.clock.now_ms()).await
    }

    /// A node's message arrives, or arrived.
    pub async fn publish_at(&self, node: &str, suffix: &str, payload: &str, at: i64) -> shared::Result<()> {
        self.publish_bytes(node, suffix, payload.as_bytes(), at).await
    }

    /// The same, with any bytes.
    pub async fn publish_bytes(&self, node: &str, suffix: &str, payload: &[u8], at: i64) -> shared::Result<()> {
        let topic = format!("$aws/rules/any/node/{node}/{suffix}");
        let event = Event::Message { client_id: Some(node.to_owned()), topic, payload: payload.to_vec().into(), at };
        node::on_event(&self.node, event).await
    }

    /// A node connects (or disconnects) in the session, now.
    pub async fn presence(&self, node: &str, connected: bool, session: u64) -> shared::Result<()> {
        let order = Order { ms: self.clock.now_ms(), version: session };
        let change = Change { connected, taken_over: false, session: session.to_string(), order };
        node::on_event(&self.node, Event::Presence { client_id: node.to_owned(), change }).await
    }

    /// A node subscribes to the params that users set.
    pub async fn subscribe(&self, node: &str) -> shared::Result<()> {
        let filter = format!("node/{node}/params/remote");
        node::on_event(&self.node, Event::Subscribed { client_id: node.to_owned(), filter }).await
    }

    /// Maps the node to the user, by both halves.
    pub async fn map(&self, user: &User, node: &str) {
        let body = json!({ "node_id": node, "secret_key": "s3cret", "operation": "add" });
        self.call(Call::put("/v1/user/nodes/mapping").by(&user.access).json(&body)).await.expect(200);
        let half = json!({ "node_id": node, "user_id": user.id, "secret_key": "s3cret" });
        self.publish(node, "user/mapping", &half.to_string()).await.unwrap();
    }

    /// A new key of the node's, whose certificate is registered.
    pub async fn key(&self, node: &str) -> NodeKey {
        let key = NodeKey::new();
        let grant = Grant::trusted_because("a test registers a node", node.parse().unwrap());
        certificate::register(self.ports(), &grant, &NewCertificate::of(key.certificate(node))).await.unwrap();
        key
    }

    /// A light that is mapped to the user, online, and has reported all it has.
    pub async fn light(&self, user: &User, node: &str) {
        self.map(user, node).await;
        self.presence(node, true, 1).await.unwrap();
        self.publish(node, "config", &light_config(node)).await.unwrap();
        self.publish(node, "params/local/init", LIGHT_PARAMS).await.unwrap();
    }

    /// Shares the node with the user, who may be anybody, as a record: without asking them.
    pub async fn share(&self, user: &User, node: &str) {
        let key = Key::new(TableId::Access, format!("user#{}", user.id), format!("node#{node}"));
        let fields = [("role", Stored::from("secondary")), ("mapped_at", 1.into())];
        let association = Write::put(key, fields, When::Always);
        let place = Stored::Json(r#"{"role":"secondary"}"#.to_owned());
        let holders = Merge::new(Key::new(TableId::Access, format!("node#{node}"), "owner")).set(format!("user#{}", user.id), place);
        self.ports().table.write(Batch::new(vec![association, Write::Merge(holders)]).unwrap()).await.unwrap();
    }

    /// A group of the user's, made by this body; its id.
    pub async fn group(&self, user: &User, body: Value) -> String {
        let made = self.call(Call::post("/v1/user/node_group").by(&user.access).json(&body)).await.expect(200);
        made["group_id"].as_str().unwrap().to_owned()
    }

    /// The node's params as the user sees them.
    pub async fn params(&self, user: &User, node: &str) -> Value {
        self.call(Call::get(&format!("/v1/user/nodes/params?node_id={node}")).by(&user.access)).await.expect(200)
    }
}

impl Default for Cloud {
    fn default() -> Self {
        Self::new()
    }
}

/// The app for a function that may use these tables alone.
fn only(app: &App, tables: &'static [TableId]) -> App {
    let ports = Ports { table: Only::over(&app.ports.table, tables), ..app.ports.clone() };
    App { ports, ..app.clone() }
}

/// Every route, as the server merges them.
pub fn routes() -> Routes {
    web::openapi::published(user::routes().merge(node::routes()).merge(access::routes()).merge(ota::routes()))
}

/// What a light reports of itself.
pub fn light_config(node: &str) -> String {
    json!({
        "node_id": node,
        "config_version": "2020-03-20",
        "attributes": [{ "name": "cmd-resp", "value": "1" }],
        "info": { "name": "Lamp", "fw_version": "1.0", "type": "Lightbulb", "model": "lamp" },
        "devices": [{ "name": "Light", "type": "esp.device.lightbulb", "primary": "Power", "params": [
            { "name": "Name", "type": "esp.param.name", "data_type": "string", "properties": ["read", "write"] },
            { "name": "Power", "data_type": "bool", "properties": ["read", "write"] },
            { "name": "Brightness", "data_type": "int", "properties": ["read", "write"], "bounds": { "min": 0, "max": 100, "step": 1 } },
            { "name": "Lux", "data_type": "float", "properties": ["read", "time_series"] },
        ]}],
        "services": [
            { "name": "RMUserAuth", "type": "esp.service.rmaker-user-auth", "params": [
                { "name": "UserToken", "data_type": "string", "properties": ["write"] },
                { "name": "UserTokenStatus", "data_type": "int", "properties": ["read"] },
            ]},
            { "name": "Time", "type": "esp.service.time", "params": [{ "name": "TZ", "data_type": "string", "properties": ["read", "write"] }]},
        ],
    })
    .to_string()
}

/// What a light reports after a boot, in the dialect of nodes.
pub const LIGHT_PARAMS: &str =
    r#"{"Light":{"Name":"Lamp","Power":false,"Brightness":25,"Lux":27.30000},"RMUserAuth":{"UserToken":"refresh-me","UserTokenStatus":1}}"#;
