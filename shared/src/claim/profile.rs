//! What our certificates look like: one place for those of nodes, whoever issues them, and for their CAs.
//!
//! Keys and serial numbers come from the random bytes of the cryptographic library, not from the port
//! `Ids`: nobody looks anything up by them.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SerialNumber,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use time::{Duration, OffsetDateTime};

use crate::id::NodeId;

/// 9999-12-31T23:59:59Z: "no expiry" (RFC 5280 §4.1.2.5), because nobody renews what lies in a node's flash.
pub const NEVER: i64 = 253_402_300_799;
/// Clocks of nodes and clients may be a little behind.
pub const LEEWAY: Duration = Duration::hours(24);
const CA_YEARS: i64 = 25;

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The library could not make it.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The system has no randomness.
    #[error("the system gave no random bytes")]
    Random,
    /// The clock shows a time that no certificate can hold.
    #[error("the clock is wrong: {0} is no time for a certificate")]
    Clock(i64),
}

/// A node's certificate: its id is the only name.
pub fn node(node: &NodeId, now: i64) -> Result<CertificateParams, MakeError> {
    let mut params = leaf(node.as_str(), instant(now)? - LEEWAY, instant(NEVER)?)?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// What every leaf has: no CA, for signatures, with the identifiers of both keys.
pub fn leaf(common_name: &str, from: OffsetDateTime, until: OffsetDateTime) -> Result<CertificateParams, MakeError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(common_name);
    params.not_before = from.replace_nanosecond(0).unwrap_or(from);
    params.not_after = until.replace_nanosecond(0).unwrap_or(until);
    params.serial_number = Some(serial()?);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// The certificate of a CA with this key, for leaves alone.
pub fn authority(pair: &KeyPair, called: &str, now: i64) -> Result<CertificateParams, MakeError> {
    let now = instant(now)?;
    let mut params = CertificateParams::default();
    params.not_before = now - LEEWAY;
    params.not_after = now + Duration::days(CA_YEARS * 365 + CA_YEARS / 4);
    params.serial_number = Some(serial()?);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    // A part of the key, so that two installations have two names.
    let mark = params.key_identifier(pair).iter().take(4).fold(0, |mark: u32, byte| mark << 8 | u32::from(*byte));
    params.distinguished_name = name(&format!("{called} {mark:08x}"));
    Ok(params)
}

/// This many seconds since the epoch.
pub fn instant(seconds: i64) -> Result<OffsetDateTime, MakeError> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| MakeError::Clock(seconds))
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// Random, so that no two certificates of one issuer share one, also of the same key.
fn serial() -> Result<SerialNumber, MakeError> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| MakeError::Random)?;
    // Positive, and of full length.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
