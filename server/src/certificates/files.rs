//! The owner's own certificate, from files that some other program may renew.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, ensure};
use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::Certificates;
use crate::{
    ca::names_of,
    settings::{Host, OwnFiles},
};

/// How often the files are read.
const EVERY: Duration = Duration::from_secs(10);

/// The two files.
pub struct Files {
    cert: PathBuf,
    key: PathBuf,
    /// Of what was read last, so that nothing is done twice or said twice.
    read: Vec<u8>,
}

impl Files {
    /// The files, if the settings name them.
    pub fn of(settings: &OwnFiles) -> anyhow::Result<Option<Self>> {
        match (&settings.cert, &settings.key) {
            (None, None) => Ok(None),
            (Some(cert), Some(key)) => Ok(Some(Self { cert: cert.clone(), key: key.clone(), read: Vec::new() })),
            _ => Err(anyhow!("--cert and --cert-key belong together: give both")),
        }
    }

    /// Shows what is in the files, if that is not shown already. Says the names in it.
    pub fn show(&mut self, certificates: &Certificates) -> anyhow::Result<Option<Vec<Host>>> {
        let (cert, key) = (self.cert.display(), self.key.display());
        let read = |path: &PathBuf| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let (cert_pem, key_pem) = (read(&self.cert)?, read(&self.key)?);
        let now = digest(&SHA256, &[cert_pem.as_slice(), key_pem.as_slice()].concat()).as_ref().to_vec();
        if now == self.read {
            return Ok(None);
        }
        // Also when it is of no use: it is said once.
        self.read = now;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&cert_pem).collect();
        let chain = chain.map_err(|error| anyhow!("{cert} is damaged: {error}"))?;
        let leaf = chain.first().with_context(|| format!("{cert} holds no certificate in PEM form"))?;
        let names = names_of(leaf).unwrap_or_default();
        ensure!(has_names(leaf), "{cert} names no host: it has no subject alternative name");
        let private =
            PrivateKeyDer::from_pem_slice(&key_pem).map_err(|error| anyhow!("{key} holds no private key in PEM form: {error}"))?;
        certificates.show_public(chain, private).map_err(|error| anyhow!("{cert} and {key} can't be used together: {error}"))?;
        Ok(Some(names))
    }

    /// Runs until it is dropped.
    pub async fn watch(mut self, certificates: Arc<Certificates>) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failed = false;
        loop {
            tick.tick().await;
            match self.show(&certificates) {
                Ok(Some(_)) => {
                    failed = false;
                    tracing::info!(file = %self.cert.display(), "your certificate has been read again and serves from now on");
                }
                // While both files are being replaced, one may be new and the other old for a moment.
                Err(error) if !std::mem::replace(&mut failed, true) => tracing::error!("{error:#}; the certificate before serves on"),
                Ok(None) | Err(_) => {}
            }
        }
    }
}

/// Wildcards count, too.
fn has_names(leaf: &CertificateDer<'_>) -> bool {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(leaf) else { return false };
    parsed.subject_alternative_name().ok().flatten().is_some_and(|names| !names.value.general_names.is_empty())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn pair(name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn files_are_read_once_and_again_when_they_change() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        let certificates = Certificates::new();
        let mut files = Files::of(&OwnFiles { cert: Some(cert.clone()), key: Some(key.clone()) }).unwrap().unwrap();
        let missing = format!("{:#}", files.show(&certificates).unwrap_err());
        assert!(missing.starts_with("cannot read ") && missing.contains("c.pem"), "{missing}");
        let (one, one_key) = pair("one.example.com");
        std::fs::write(&cert, &one).unwrap();
        std::fs::write(&key, &one_key).unwrap();
        assert_eq!(files.show(&certificates).unwrap().unwrap()[0].as_str(), "one.example.com");
        assert!(files.show(&certificates).unwrap().is_none());
        let (two, two_key) = pair("two.example.com");
        std::fs::write(&cert, &two).unwrap();
        let error = files.show(&certificates).unwrap_err().to_string();
        assert!(error.contains("can't be used together"), "{error}");
        std::fs::write(&key, &two_key).unwrap();
        assert_eq!(files.show(&certificates).unwrap().unwrap()[0].as_str(), "two.example.com");
        std::fs::write(&cert, "nothing").unwrap();
        assert!(files.show(&certificates).unwrap_err().to_string().contains("holds no certificate"));
    }

    #[test]
    fn one_file_alone_is_refused() {
        let error = Files::of(&OwnFiles { cert: Some("c".into()), key: None }).err().unwrap().to_string();
        assert!(error.contains("--cert and --cert-key belong together"), "{error}");
        assert!(Files::of(&OwnFiles { cert: None, key: None }).unwrap().is_none());
    }
}
