//! What several modules' tests need.

use std::sync::Arc;

use async_trait::async_trait;
use builtin::clock::SystemClock;
use bytes::Bytes;
use embedded::sqlite::SqliteTable;
use parking_lot::Mutex;
use shared::{
    Ports,
    node::certificate::{Fingerprint, NewCertificate},
    port::{
        Rules,
        federation::Providers,
        fleet::{Fleet, FleetError},
    },
};
use tempfile::TempDir;

use crate::{folder::Folder, wiring};

/// A fleet that only remembers whom it was to disconnect.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    /// Those since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

#[async_trait]
impl Fleet for Recorder {
    async fn publish(&self, _: String, _: Bytes) -> Result<Option<usize>, FleetError> {
        Ok(Some(1))
    }

    async fn disconnect(&self, client_id: &str) -> Result<(), FleetError> {
        self.0.lock().push(client_id.to_owned());
        Ok(())
    }

    async fn register(&self, _: &str, _: &[u8]) -> Result<(), FleetError> {
        Ok(())
    }

    async fn revoke(&self, _: &str, _: &str) -> Result<(), FleetError> {
        Ok(())
    }

    async fn host(&self) -> Result<String, FleetError> {
        Ok("localhost".to_owned())
    }

    fn since(&self) -> i64 {
        0
    }
}

/// A certificate that is known by this mark.
pub(crate) fn certificate(mark: u8) -> NewCertificate {
    NewCertificate { fingerprint: Fingerprint([mark; 32]), der: vec![mark] }
}

/// Ports over a database of their own.
pub(crate) fn ports(fleet: Arc<dyn Fleet>) -> (Ports, TempDir) {
    let (ports, _, folder) = ports_and_table(fleet);
    (ports, folder)
}

/// The same, with the database.
pub(crate) fn ports_and_table(fleet: Arc<dyn Fleet>) -> (Ports, Arc<SqliteTable>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let data = Folder::make(folder.path()).unwrap();
    let table = Arc::new(SqliteTable::memory(Arc::new(SystemClock)).unwrap());
    let (blobs, mail) = (wiring::blobs(&data, None).unwrap(), wiring::mailbox(&data).unwrap());
    (builtin::ports(Arc::clone(&table) as _, blobs, mail, Providers::default(), fleet, Rules::default()), table, folder)
}
