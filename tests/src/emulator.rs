//! The local AWS emulator, started from `.venv-aws`, which `make` installs; it ends with this process.
//! `RAINCLOUD_EMULATOR` names the endpoint of one that runs already.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use aws::{
    client::{self, Sdk},
    dynamodb::DynamoTable,
    s3::S3Blobs,
};
use aws_config::{ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::{
    Client,
    config::Credentials,
    types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use builtin::clock::SystemClock;
use serde_json::{Value, json};
use shared::{
    Ports,
    port::{
        Rules,
        clock::Clock,
        federation::Providers,
        table::{Table, TableId},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::ports::{Fleet, Mail};

const REGION: &str = "eu-west-1";
/// Whom letters are from.
pub const MAIL_FROM: &str = "cloud@example.com";

/// Its endpoint. The first who asks starts it.
pub fn endpoint() -> String {
    env::var("RAINCLOUD_EMULATOR").unwrap_or_else(|_| EMULATOR.endpoint.clone())
}

/// What leads the SDK there, as its root user, for those who want to change something before it is loaded.
pub fn loader() -> ConfigLoader {
    let credentials = Credentials::new("test", "test", None, None, "test");
    client::loader().region(Region::new(REGION)).credentials_provider(credentials).endpoint_url(endpoint())
}

/// What leads the SDK there.
pub async fn config() -> SdkConfig {
    loader().load().await
}

/// The letters to this address, as the emulator shows them.
pub async fn letters(to: &str) -> Vec<Value> {
    let endpoint = endpoint();
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET /_ministack/ses/messages HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    // By account.
    let all = body["messages"].as_object().unwrap().values().flat_map(|sent| sent.as_array().unwrap());
    all.filter(|letter| letter["To"] == json!([to])).cloned().collect()
}

/// A name that nobody else has.
pub fn unique(of: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("test-{now}-{}-{of}", COUNT.fetch_add(1, Ordering::SeqCst))
}

/// A policy of nodes, by its name.
pub async fn policy() -> String {
    const DOCUMENT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;
    let (client, name) = (aws_sdk_iot::Client::new(&config().await), unique("policy"));
    client.create_policy().policy_name(&name).policy_document(DOCUMENT).send().await.unwrap();
    name
}

/// An empty bucket, by its name.
pub async fn bucket() -> String {
    let config = aws_sdk_s3::config::Builder::from(&config().await).force_path_style(true).build();
    let (client, name) = (aws_sdk_s3::Client::from_conf(config), unique("bucket"));
    let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(REGION)).build();
    client.create_bucket().bucket(&name).create_bucket_configuration(place).send().await.unwrap();
    name
}

/// What lasts of a cloud: empty tables of its own, as the template makes them, and an address for letters.
pub struct Base {
    names: BTreeMap<TableId, String>,
    config: SdkConfig,
}

impl Base {
    /// A new one.
    pub async fn new() -> Self {
        let base = Self::by(loader()).await;
        // An error says that it is known already.
        let known = aws_sdk_sesv2::Client::new(&base.config).create_email_identity().email_identity(MAIL_FROM);
        let _ = known.send().await;
        base
    }

    /// A new one, to which this leads.
    pub async fn by(loader: ConfigLoader) -> Self {
        let config = loader.load().await;
        let names = BTreeMap::from(TableId::ALL.map(|table| (table, unique(table.name()))));
        for name in names.values() {
            create(&Client::new(&config), name).await;
        }
        Self { names, config }
    }

    /// What a function that may use these tables finds in its environment.
    pub fn variables(&self, tables: &[TableId]) -> Vec<(String, String)> {
        let own =
            [("AWS_ENDPOINT_URL", &*endpoint()), ("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
        let name = |table: &TableId| (format!("RAINCLOUD_TABLE_{}", table.name().to_uppercase()), self.names[table].clone());
        own.map(|(name, value)| variable(name, value)).into_iter().chain(tables.iter().map(name)).collect()
    }

    /// The name of a table.
    pub fn name(&self, table: TableId) -> &str {
        &self.names[&table]
    }

    /// The tables.
    pub fn table(&self) -> Arc<dyn Table> {
        self.table_at(Arc::new(SystemClock))
    }

    /// The tables as of another time.
    pub fn table_at(&self, clock: Arc<dyn Clock>) -> Arc<DynamoTable> {
        Arc::new(DynamoTable::new(Sdk::with(self.config.clone()), self.names.clone(), clock))
    }

    /// Deletes them.
    pub async fn delete(self) {
        for name in self.names.values() {
            Client::new(&self.config).delete_table().table_name(name).send().await.unwrap();
        }
    }

    /// The ports over these tables, whichever a function may use; there are no blobs and no nodes, and letters go nowhere.
    pub fn ports(&self) -> Ports {
        let blobs = S3Blobs::new(Sdk::with(self.config.clone()), None);
        let (mail, fleet) = (Arc::new(Mail::default()), Arc::new(Fleet::default()));
        builtin::ports(self.table(), Arc::new(blobs), mail, Providers::default(), fleet, Rules::default())
    }
}

/// Makes a table as the template does.
pub async fn create(client: &Client, name: &str) {
    let mut create = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (attribute, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let definition = AttributeDefinition::builder().attribute_name(attribute).attribute_type(ScalarAttributeType::S);
        let element = KeySchemaElement::builder().attribute_name(attribute).key_type(kind);
        create = create.attribute_definitions(definition.build().unwrap()).key_schema(element.build().unwrap());
    }
    create.send().await.unwrap();
}

/// A variable of an environment.
pub fn variable(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

static EMULATOR: LazyLock<Emulator> = LazyLock::new(start);

struct Emulator {
    endpoint: String,
    /// It ends when this process does, which holds the other end of its standard input.
    _process: Child,
}

fn start() -> Emulator {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join(".venv-aws/bin/python");
    assert!(python.exists(), "the AWS emulator is not installed: run `make .venv-aws/stamp`");
    let mut process = Command::new(python)
        .args([root.join("tests/emulator").as_os_str(), "--follow".as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).expect("the AWS emulator does not start: see `python tests/emulator`");
    Emulator { endpoint: ready["endpoint"].as_str().unwrap().to_owned(), _process: process }
}
