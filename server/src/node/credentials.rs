//! The folder of a node's credentials: certificate, key, the CA of the cloud, and where the cloud is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use tokio_rustls::rustls::client::{Resumption, WantsClientCert};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use super::signer::Signer;

/// The protocol that the device offers where HTTPS and MQTT share a port.
const ALPN: &[u8] = b"x-amzn-mqtt-ca";
/// Plain text files that may hold the host.
const HOST_FILES: [&str; 3] = ["endpoint.info", "mqtt_host", "mqtt_host.txt"];

/// Who a node is, and what proves it.
#[derive(Debug)]
pub(super) struct Identity {
    /// The common name of its certificate.
    pub(super) node_id: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    folder: PathBuf,
}

impl Identity {
    /// Reads `node.crt` and `node.key` of a folder.
    pub(super) fn load(folder: &Path) -> anyhow::Result<Self> {
        let chain = certificates(&folder.join("node.crt"))?;
        let node_id = chain.first().context("no certificate").and_then(|leaf| common_name(leaf))?;
        let key_file = folder.join("node.key");
        let key = PrivateKeyDer::from_pem_slice(&read(&key_file)?)
            .map_err(|error| anyhow!("{} holds no private key: {error}", key_file.display()))?;
        Ok(Self { node_id, chain, key, folder: folder.to_owned() })
    }

    /// How it speaks TLS. The CA is `ca.crt` in the folder or one folder up, unless another file is named.
    pub(super) fn tls(&self, ca: Option<&Path>, alpn: bool) -> anyhow::Result<Arc<ClientConfig>> {
        let mut tls = trusting(&self.folder, ca)?
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
            .with_context(|| format!("node.crt and {} cannot be used together", self.folder.join("node.key").display()))?;
        // The device does a full handshake every time.
        tls.resumption = Resumption::disabled();
        if alpn {
            tls.alpn_protocols = vec![ALPN.to_vec()];
        }
        Ok(Arc::new(tls))
    }

    /// What signs with its key.
    pub(super) fn signer(&self) -> anyhow::Result<Signer> {
        Signer::new(&self.node_id, &self.key)
    }
}

/// The beginning of a way to speak TLS with a server whose certificate is of a CA that this folder, or a file, names.
pub(super) fn trusting(folder: &Path, ca: Option<&Path>) -> anyhow::Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let mut roots = RootCertStore::empty();
    let ca = ca.map_or_else(|| find_ca(folder), |file| Ok(file.to_owned()))?;
    for certificate in certificates(&ca)? {
        roots.add(certificate).with_context(|| format!("{} holds no usable certificate", ca.display()))?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?;
    Ok(tls.with_root_certificates(roots))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(file)?).collect();
    let found = found.map_err(|error| anyhow!("{} is damaged: {error}", file.display()))?;
    if found.is_empty() {
        bail!("{} holds no certificate in PEM form", file.display());
    }
    Ok(found)
}

pub(super) fn common_name(leaf: &CertificateDer<'_>) -> anyhow::Result<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(leaf).map_err(|error| anyhow!("node.crt is damaged: {error}"))?;
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    name.filter(|name| !name.is_empty()).map(str::to_owned).context("node.crt names no node: its subject has no common name")
}

fn find_ca(folder: &Path) -> anyhow::Result<PathBuf> {
    let here = folder.join("ca.crt");
    let above = folder.join("..").join("ca.crt");
    [here, above]
        .into_iter()
        .find(|file| file.is_file())
        .with_context(|| format!("no ca.crt in {} or in the folder above; name the cloud's CA with --ca FILE", folder.display()))
}

/// The host that the folder names: in a table of the device's flash, or in a file of its own.
pub(super) fn host(folder: &Path) -> Option<String> {
    let table = std::fs::read_to_string(folder.join("node.csv")).unwrap_or_default();
    let mut hosts = table.lines().find_map(from_row).into_iter().filter_map(|(kind, value)| match kind {
        "file" => host_in(&folder.join(value)).or_else(|| host_in(&folder.join(Path::new(value).file_name()?))),
        _ => Some(value.to_owned()),
    });
    hosts.next().or_else(|| HOST_FILES.iter().find_map(|name| host_in(&folder.join(name))))
}

/// The kind and the value in a row `mqtt_host,KIND,ENCODING,VALUE`.
fn from_row(row: &str) -> Option<(&str, &str)> {
    let mut cells = row.split(',').map(|cell| cell.trim().trim_matches('"'));
    let (key, kind, _, value) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
    (key == "mqtt_host" && !value.is_empty()).then_some((kind, value))
}

fn host_in(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let host = text.trim_matches(|character: char| character.is_whitespace() || character == '\0');
    (!host.is_empty()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_found_in_a_table_or_a_file() {
        let folder = std::env::temp_dir().join(format!("node-host-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(host(&folder), None);
        std::fs::write(folder.join("endpoint.info"), "one.example.net\n").unwrap();
        assert_eq!(host(&folder).as_deref(), Some("one.example.net"));
        std::fs::write(folder.join("node.csv"), "key,type,encoding,value\nmqtt_host,data,binary,two.example.net\n").unwrap();
        assert_eq!(host(&folder).as_deref(), Some("two.example.net"));
        std::fs::write(folder.join("node.csv"), "mqtt_host,file,binary,/gone/endpoint.info\n").unwrap();
        assert_eq!(host(&folder).as_deref(), Some("one.example.net"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Identity::load(Path::new("/nowhere")).unwrap_err();
        assert!(format!("{error:#}").starts_with("cannot read /nowhere/node.crt: "), "{error:#}");
    }
}
