//! Our own CA. It is made on first start and signs the server's certificate and those of nodes that
//! the owner adds. A node's certificate is known by its fingerprint, so this CA is not the only one that
//! nodes may have; clients and nodes trust the server by it.

mod leaf;
mod rsa_key;
mod server;

use std::{fs, io, path::Path};

use rcgen::{Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use shared::claim::profile::{self, MakeError};

pub use leaf::{Issued, KeyKind};
pub(crate) use rsa_key::pair as rsa_pair;
pub use server::{ServerCertificate, all_names, names_of};

use crate::files::{self, Readers};

/// Why there is no CA, or no certificate. One line.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A file can't be read or written.
    #[error("cannot {verb} {path}: {source}")]
    File {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate is there, its key is not.
    #[error("{0} is there, but its key {1} is not: restore the key, or remove the certificate to begin with a new CA")]
    NoKey(String, String),
    /// A file does not hold what it should.
    #[error("{0} does not hold what it should: {1}")]
    Damaged(String, String),
    /// No certificate could be made.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// No RSA key could be made.
    #[error("cannot make an RSA key: {0}")]
    Rsa(String),
}

impl CaError {
    fn file(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { verb, path, source }
    }

    fn damaged(path: &Path, problem: impl std::fmt::Display) -> Self {
        Self::Damaged(path.display().to_string(), problem.to_string())
    }
}

/// The CA, ready to sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
    new: bool,
}

impl Authority {
    /// The CA kept in `ca.crt` and `ca.key` of this folder; made if there is none. `now` is in seconds.
    pub fn open(folder: &Path, now: i64) -> Result<Self, CaError> {
        let (crt, key) = (folder.join("ca.crt"), folder.join("ca.key"));
        if crt.exists() && !key.exists() {
            return Err(CaError::NoKey(crt.display().to_string(), key.display().to_string()));
        }
        // First the key: a crash between the two leaves a key without a certificate, which is completed
        // here, and of two processes that begin at the same time both go on with what is on disk.
        let fresh = || Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(MakeError::from)?.serialize_pem());
        let key_pem = read_or_create(&key, Readers::Owner, fresh)?;
        let pair = KeyPair::from_pem(&key_pem).map_err(|error| CaError::damaged(&key, error))?;
        let new = !crt.exists();
        let pem = read_or_create(&crt, Readers::All, || certificate(&pair, now))?;
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| CaError::damaged(&crt, error))?;
        if leaf::public_key(&der) != Some(pair.public_key_raw().to_vec()) {
            return Err(CaError::damaged(&crt, "it is not the certificate of ca.key"));
        }
        let issuer = Issuer::from_ca_cert_der(&der, pair).map_err(|error| CaError::damaged(&crt, error))?;
        Ok(Self { issuer, pem, der, new })
    }

    /// Its certificate, which clients and nodes must trust.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its certificate in DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Was it made just now?
    pub fn is_new(&self) -> bool {
        self.new
    }
}

fn certificate(pair: &KeyPair, now: i64) -> Result<String, CaError> {
    let certificate = profile::authority(pair, "Raincloud CA", now)?.self_signed(pair).map_err(MakeError::from)?;
    Ok(certificate.pem())
}

/// When a certificate ends, in seconds.
pub fn ends(der: &[u8]) -> Option<i64> {
    let (_, parsed) = x509_parser::parse_x509_certificate(der).ok()?;
    Some(parsed.validity().not_after.timestamp())
}

fn read_or_create(path: &Path, readers: Readers, make: impl FnOnce() -> Result<String, CaError>) -> Result<String, CaError> {
    if !path.exists() {
        match files::create(path, make()?.as_bytes(), readers) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => created.map_err(CaError::file("write", path))?,
        }
    }
    fs::read_to_string(path).map_err(CaError::file("read", path))
}

#[cfg(test)]
mod tests {
    use x509_parser::{extensions::ParsedExtension, parse_x509_certificate};

    use super::*;

    const NOW: i64 = 1_790_000_000;

    #[test]
    fn the_ca_says_what_it_is_and_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let first = Authority::open(folder.path(), NOW).unwrap();
        assert!(first.is_new());
        let (_, parsed) = parse_x509_certificate(first.der()).unwrap();
        let constraints = parsed.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca && constraints.value.path_len_constraint == Some(0));
        let usage = parsed.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.key_cert_sign() && usage.value.crl_sign());
        let identifiers = parsed.extensions().iter().filter_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
            ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| id.0.to_vec()),
            _ => None,
        });
        let identifiers: Vec<_> = identifiers.collect();
        assert_eq!(identifiers.len(), 2);
        assert_eq!(identifiers[0], identifiers[1]);
        assert!(parsed.validity().not_after.timestamp() - NOW > 20 * 365 * 86_400);
        assert!(parsed.subject().to_string().starts_with("CN=Raincloud CA "));

        let again = Authority::open(folder.path(), NOW + 1).unwrap();
        assert!(!again.is_new());
        assert_eq!(again.pem(), first.pem());
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        Authority::open(folder.path(), NOW).unwrap();
        let mode = fs::metadata(folder.path().join("ca.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn half_a_ca_is_completed_or_refused_but_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        Authority::open(folder.path(), NOW).unwrap();
        let (crt, key) = (folder.path().join("ca.crt"), folder.path().join("ca.key"));
        let key_before = fs::read(&key).unwrap();
        fs::remove_file(&crt).unwrap();
        assert!(Authority::open(folder.path(), NOW).unwrap().is_new());
        assert_eq!(fs::read(&key).unwrap(), key_before);

        fs::remove_file(&key).unwrap();
        let error = Authority::open(folder.path(), NOW).err().unwrap().to_string();
        assert!(error.contains("restore the key") && !error.contains('\n'), "{error}");
        fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        let error = Authority::open(folder.path(), NOW).err().unwrap().to_string();
        assert!(error.ends_with("it is not the certificate of ca.key"), "{error}");
        fs::write(&key, "no key").unwrap();
        assert!(matches!(Authority::open(folder.path(), NOW), Err(CaError::Damaged(..))));
    }
}
