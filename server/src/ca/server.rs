//! The server's own certificate: issued by our CA, kept, and issued anew when the names change or half of
//! its life is over.

use std::{fs, net::IpAddr, path::Path};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use shared::claim::profile::{self, LEEWAY, MakeError, instant};
use x509_parser::{
    extensions::{GeneralName, ParsedExtension},
    parse_x509_certificate,
};

use super::{
    Authority, CaError,
    leaf::{self, SERVER_LIFE},
};
use crate::{
    files::{self, Readers},
    settings::Host,
};

/// The server's certificate and key.
pub struct ServerCertificate {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// Was it issued just now?
    pub new: bool,
}

impl ServerCertificate {
    /// The one kept in `server.crt` and `server.key` of this folder, if it is good for these names and
    /// long enough; otherwise a new one. The first name comes first. `now` is in seconds.
    pub fn open(folder: &Path, authority: &Authority, names: &[Host], now: i64) -> Result<Self, CaError> {
        let (crt, key) = (folder.join("server.crt"), folder.join("server.key"));
        if let Some(kept) = kept(&crt, &key, authority, names, now) {
            return Ok(kept);
        }
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(MakeError::from)?;
        let issued = authority.sign(&params(names, now)?, &pair, pair.serialize_pem())?;
        files::replace(&key, issued.key_pem.as_bytes(), Readers::Owner).map_err(CaError::file("write", &key))?;
        files::replace(&crt, issued.certificate_pem.as_bytes(), Readers::All).map_err(CaError::file("write", &crt))?;
        let private = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).map_err(|error| CaError::damaged(&key, error))?;
        Ok(Self { certificate: issued.certificate, key: private, new: true })
    }

    /// The first name in the certificate that the folder keeps: what the server was last called.
    pub fn first_name(folder: &Path) -> Option<Host> {
        let certificate = CertificateDer::from_pem_file(folder.join("server.crt")).ok()?;
        names_of(&certificate)?.into_iter().next()
    }
}

/// All names that the certificate must hold: those given, those by which this machine knows itself, and
/// the address it listens on.
pub fn all_names(hosts: &[Host], bind: IpAddr) -> Vec<Host> {
    let own = ["127.0.0.1", "::1"].into_iter().filter_map(|text| text.parse::<IpAddr>().ok()).map(Host::from);
    let localhost = "localhost".parse::<Host>();
    let bind = Some(Host::from(bind)).filter(|_| !bind.is_unspecified());
    let mut names: Vec<Host> = Vec::new();
    for name in hosts.iter().cloned().chain(localhost).chain(own).chain(bind) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn params(names: &[Host], now: i64) -> Result<CertificateParams, CaError> {
    let now = instant(now)?;
    let first = names.first().map_or("Raincloud", Host::as_str);
    // A common name has at most 64 characters; who looks at names looks at the alternative ones.
    let mut params = profile::leaf(if first.len() <= 64 { first } else { "Raincloud" }, now - LEEWAY, now + SERVER_LIFE)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for name in names {
        params.subject_alt_names.push(match name.as_str().parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into().map_err(MakeError::from)?),
        });
    }
    Ok(params)
}

fn kept(crt: &Path, key: &Path, authority: &Authority, names: &[Host], now: i64) -> Option<ServerCertificate> {
    let certificate = CertificateDer::from_pem_file(crt).ok()?;
    let key_pem = fs::read_to_string(key).ok()?;
    let pair = KeyPair::from_pem(&key_pem).ok()?;
    let private = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).ok()?;
    let (_, parsed) = parse_x509_certificate(&certificate).ok()?;
    let (_, ca) = parse_x509_certificate(authority.der()).ok()?;
    // Our CA's name holds a part of its key.
    let ours = parsed.issuer() == ca.subject() && leaf::public_key(&certificate)? == pair.public_key_raw();
    let young =
        parsed.validity().not_before.timestamp() <= now && parsed.validity().not_after.timestamp() - now > SERVER_LIFE.whole_seconds() / 2;
    let same = names_of(&certificate)? == names;
    (ours && young && same).then_some(ServerCertificate { certificate, key: private, new: false })
}

/// The names and addresses in a certificate, without those that are no host's, such as `*.example.com`.
pub fn names_of(certificate: &[u8]) -> Option<Vec<Host>> {
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    let names = parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
        _ => None,
    })?;
    let hosts = names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => name.parse().ok(),
        GeneralName::IPAddress(bytes) => {
            let address = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            address.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(Host::from)
        }
        _ => None,
    });
    Some(hosts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;
    const DAY: i64 = 86_400;

    fn hosts(names: &[&str]) -> Vec<Host> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn the_certificate_holds_every_name_once_the_given_ones_first() {
        let names = all_names(&hosts(&["cloud.example.com", "10.0.0.1"]), "10.0.0.1".parse().unwrap());
        assert_eq!(names, hosts(&["cloud.example.com", "10.0.0.1", "localhost", "127.0.0.1", "::1"]));
        assert_eq!(all_names(&[], "0.0.0.0".parse().unwrap()), hosts(&["localhost", "127.0.0.1", "::1"]));

        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), NOW).unwrap();
        let server = ServerCertificate::open(folder.path(), &authority, &names, NOW).unwrap();
        assert_eq!(names_of(&server.certificate).unwrap(), names);
        assert_eq!(ServerCertificate::first_name(folder.path()), Some(names[0].clone()));
        let (_, parsed) = parse_x509_certificate(&server.certificate).unwrap();
        assert!(parsed.extended_key_usage().unwrap().unwrap().value.server_auth);
        let life = parsed.validity().not_after.timestamp() - parsed.validity().not_before.timestamp();
        assert!(life <= 825 * DAY, "{life}");
    }

    #[test]
    fn it_is_kept_until_names_the_ca_or_time_ask_for_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path(), NOW).unwrap();
        let open =
            |authority: &Authority, names: &[&str], now| ServerCertificate::open(folder.path(), authority, &hosts(names), now).unwrap().new;
        assert!(open(&authority, &["a.io"], NOW));
        assert!(!open(&authority, &["a.io"], NOW + DAY));
        assert!(open(&authority, &["b.io", "a.io"], NOW));
        assert!(open(&authority, &["a.io", "b.io"], NOW), "another name comes first");
        assert!(!open(&authority, &["a.io", "b.io"], NOW + 400 * DAY));
        assert!(open(&authority, &["a.io", "b.io"], NOW + 420 * DAY));
        assert!(open(&authority, &["a.io", "b.io"], NOW), "not valid yet");
        fs::remove_file(folder.path().join("ca.key")).unwrap();
        fs::remove_file(folder.path().join("ca.crt")).unwrap();
        let other = Authority::open(folder.path(), NOW).unwrap();
        assert!(open(&other, &["a.io", "b.io"], NOW));
        fs::write(folder.path().join("server.key"), "broken").unwrap();
        assert!(open(&other, &["a.io", "b.io"], NOW));
    }
}
