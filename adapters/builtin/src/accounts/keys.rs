//! The key that signs tokens: made on first use, kept in the table, read once in a process. Its public half is
//! published beside it, for those who check tokens.
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

use super::{Result, engine, published::PublicKey};

pub(super) struct SigningKey {
    pub(super) public: PublicKey,
    pub(super) pair: EcdsaKeyPair,
}

#[derive(Default)]
pub(super) struct Keys(OnceCell<SigningKey>);

impl Keys {
    /// The key. The first time 1 batched get, and the very first time 1 write and 1 get.
    pub(super) async fn get(&self, table: &dyn Table, ids: &dyn Ids) -> Result<&SigningKey> {
        self.0.get_or_try_init(|| load(table, ids)).await
    }
}

async fn load(table: &dyn Table, ids: &dyn Ids) -> Result<SigningKey> {
    let key = Key::new(TableId::Identity, "keys", "signing");
    let records = table.get_many(&[key.clone(), PublicKey::key()]).await.map_err(engine)?;
    let [private, public] = records.as_slice() else { return Err(gone()) };
    if let Some(private) = private {
        let key = SigningKey::read(private)?;
        // A table from before public keys were published has none.
        if public.as_ref().map(PublicKey::read).transpose()?.as_ref() != Some(&key.public) {
            table.write(Batch::of(key.public.write()).map_err(IdentityError::engine)?).await.map_err(engine)?;
        }
        return Ok(key);
    }
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| IdentityError::engine("no key could be made"))?;
    let made = SigningKey::of(ids.id(), pkcs8.as_ref())?;
    let fields = [("kid", Value::from(made.public.kid.as_str())), ("pkcs8", Value::Bytes(pkcs8.as_ref().to_vec()))];
    let writes = vec![Write::put(key.clone(), fields, When::Absent), made.public.write()];
    match table.write(Batch::new(writes).map_err(IdentityError::engine)?).await {
        // Another process was first: its key counts.
        Err(error) if error.is_conflict() => SigningKey::read(&table.get(&key).await.map_err(engine)?.ok_or_else(gone)?),
        done => done.map(|_| made).map_err(engine),
    }
}

fn gone() -> IdentityError {
    IdentityError::engine("the signing key has gone")
}

impl SigningKey {
    /// The key of this name.
    pub(super) fn of(kid: String, pkcs8: &[u8]) -> Result<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new());
        let pair = pair.map_err(|_| IdentityError::engine("the signing key is not readable"))?;
        Ok(Self { public: PublicKey { kid, point: pair.public_key().as_ref().to_vec() }, pair })
    }

    fn read(record: &Record) -> Result<Self> {
        let parts = record.str("kid").zip(record.bytes("pkcs8"));
        let (kid, pkcs8) = parts.ok_or_else(|| IdentityError::engine("the signing key is not readable"))?;
        Self::of(kid.to_owned(), pkcs8)
    }
}
