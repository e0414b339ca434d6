//! The certificates that the server shows: to whom which one, and each exchanged while it serves.
//!
//! * The certificate of our own CA is always there: for the local names, for clients that name nobody, and for
//!   every name while nothing else is there. [`own`] keeps it fresh.
//! * A public one, ordered from an authority (`acme`) or the owner's own ([`files`]), serves the names that it
//!   holds. Nodes and apps that know only our CA go on by the other names.
//! * While a name is proved to an authority, the answer to that (RFC 8737) is here, too.
//!
//! Connections go on with the certificate that they began with.

pub mod files;
pub mod own;

use std::{collections::HashMap, fmt, sync::Arc};

use parking_lot::RwLock;
use rustls::{
    Error,
    client::verify_server_name,
    crypto::{CryptoProvider, ring::default_provider},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::ca::{ends, names_of};

/// What the server shows. Shared by all that serve TLS and all that exchange certificates.
pub struct Certificates {
    provider: Arc<CryptoProvider>,
    shown: RwLock<Shown>,
}

#[derive(Default)]
struct Shown {
    own: Option<Arc<CertifiedKey>>,
    public: Option<Public>,
    proofs: HashMap<String, Arc<CertifiedKey>>,
}

struct Public {
    key: Arc<CertifiedKey>,
    /// It holds an address, so it is also for those who connect to one and therefore name nobody.
    by_address: bool,
}

impl Certificates {
    /// No certificate yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { provider: Arc::new(default_provider()), shown: RwLock::default() })
    }

    /// The cryptography that the certificates are used with.
    pub fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }

    /// From now on this is the certificate of our own CA.
    pub fn show_own(&self, certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Result<(), Error> {
        let key = self.usable(vec![certificate], key)?;
        self.shown.write().own = Some(key);
        Ok(())
    }

    /// From now on this chain, the server's own certificate first, serves the names in it.
    pub fn show_public(&self, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<(), Error> {
        let by_address =
            chain.first().and_then(|leaf| names_of(leaf)).is_some_and(|names| names.iter().any(|name| name.address().is_some()));
        let key = self.usable(chain, key)?;
        self.shown.write().public = Some(Public { key, by_address });
        Ok(())
    }

    /// From now on that of our own CA serves all names: the public one has run out.
    pub fn show_public_no_more(&self) {
        self.shown.write().public = None;
    }

    /// When those end that are shown, in seconds: of our own CA, `server`, and the public one, `public`.
    pub fn ends(&self) -> Vec<(&'static str, i64)> {
        let shown = self.shown.read();
        let all = [("server", shown.own.as_ref()), ("public", shown.public.as_ref().map(|public| &public.key))];
        all.into_iter().filter_map(|(name, key)| Some((name, ends(key?.cert.first()?)?))).collect()
    }

    /// From now on, and until it is taken back, who asks for this name by the protocol `acme-tls/1` gets this.
    pub fn prove(&self, name: &str, certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Result<(), Error> {
        // Not held against each other as others are: nobody but the authority is to understand what is critical in it.
        let key = Arc::new(CertifiedKey::new(vec![certificate], self.provider.key_provider.load_private_key(key)?));
        self.shown.write().proofs.insert(name.to_owned(), key);
        Ok(())
    }

    /// The name is proved, or it failed.
    pub fn prove_no_more(&self, name: &str) {
        self.shown.write().proofs.remove(name);
    }

    /// The chain and key, if they belong together.
    fn usable(&self, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Arc<CertifiedKey>, Error> {
        CertifiedKey::from_der(chain, key, &self.provider).map(Arc::new)
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Certificates")
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.shown.read();
        let public = shown.public.as_ref().filter(|public| match hello.server_name() {
            Some(name) => is_for(&public.key, name),
            None => public.by_address,
        });
        public.map(|public| &public.key).or(shown.own.as_ref()).cloned()
    }
}

fn is_for(key: &CertifiedKey, name: &str) -> bool {
    let (Some(leaf), Ok(name)) = (key.cert.first(), ServerName::try_from(name)) else { return false };
    ParsedCertificate::try_from(leaf).is_ok_and(|leaf| verify_server_name(&leaf, &name).is_ok())
}

/// The answers to an authority that checks whose a name is.
#[derive(Debug)]
pub struct Proofs(pub Arc<Certificates>);

impl ResolvesServerCert for Proofs {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.shown.read().proofs.get(hello.server_name()?).cloned()
    }
}
