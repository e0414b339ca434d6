//! The key that signs tokens: made on first use, kept in the table, read once in a process.
//!
//! `{kid: "<id>", pkcs8: <ECDSA P-256 key>}`

use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use shared::port::{
    clock::Ids,
    identity::IdentityError,
    table::{Batch, Key, Record, Table, TableId, Value, When, Write},
};
use tokio::sync::OnceCell;

use super::{Result, engine};

pub(super) struct SigningKey {
    pub(super) kid: String,
    pub(super) pair: EcdsaKeyPair,
}

#[derive(Default)]
pub(super) struct Keys(OnceCell<SigningKey>);

impl Keys {
    /// The key. The first time 1 get, and the very first time 1 write.
    pub(super) async fn get(&self, table: &dyn Table, ids: &dyn Ids) -> Result<&SigningKey> {
        self.0.get_or_try_init(|| load(table, ids)).await
    }
}

async fn load(table: &dyn Table, ids: &dyn Ids) -> Result<SigningKey> {
    let key = Key::new(TableId::Identity, "keys", "signing");
    if let Some(record) = table.get(&key).await.map_err(engine)? {
        return read(&record);
    }
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| IdentityError::engine("no key could be made"))?;
    let fields = [("kid", Value::from(ids.id())), ("pkcs8", Value::Bytes(pkcs8.as_ref().to_vec()))];
    match table.write(Batch::of(Write::put(key.clone(), fields, When::Absent)).map_err(IdentityError::engine)?).await {
        // Another process was first: its key counts.
        Err(error) if !error.is_conflict() => return Err(engine(error)),
        _ => {}
    }
    let record = table.get(&key).await.map_err(engine)?;
    read(&record.ok_or_else(|| IdentityError::engine("the signing key has gone"))?)
}

fn read(record: &Record) -> Result<SigningKey> {
    let (Some(kid), Some(pkcs8)) = (record.str("kid"), record.bytes("pkcs8")) else {
        return Err(IdentityError::engine("the signing key is not readable"));
    };
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new());
    let pair = pair.map_err(|_| IdentityError::engine("the signing key is not readable"))?;
    Ok(SigningKey { kid: kid.to_owned(), pair })
}

impl SigningKey {
    /// The public key as an uncompressed point.
    pub(super) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }
}
