//! A node's public key, and what was signed with the private one (contract `mqtt-and-node.md` §4.3).

use ring::signature::{ECDSA_P256_SHA256_ASN1, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use rsa::{
    BigUint, RsaPublicKey,
    hazmat::rsa_encrypt,
    pkcs1::DecodeRsaPublicKey as _,
    pss::{Signature, VerifyingKey},
    sha2::{Digest as _, Sha256},
    signature::Verifier as _,
    traits::PublicKeyParts as _,
};
use x509_parser::{
    oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION},
    prelude::FromDer as _,
    x509::SubjectPublicKeyInfo,
};

/// Bits of an RSA key.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// Bytes of a SHA-256.
const HASH: usize = 32;

/// A public key of a kind that nodes have.
#[derive(Clone, Debug)]
pub enum PublicKey {
    /// ECDSA on P-256: the point.
    P256(Vec<u8>),
    /// RSA with 2,048 to 4,096 bits: `RSAPublicKey` in DER, and the same read.
    Rsa(Vec<u8>, RsaPublicKey),
}

impl PublicKey {
    /// The key in this `SubjectPublicKeyInfo`; `None` if nodes have no keys of this kind or size.
    pub fn of_spki(der: &[u8]) -> Option<Self> {
        let (rest, info) = SubjectPublicKeyInfo::from_der(der).ok()?;
        let (kind, bits) = (&info.algorithm, info.subject_public_key.data.to_vec());
        if !rest.is_empty() {
            None
        } else if kind.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            let curve = kind.parameters.as_ref()?.as_oid().ok()?;
            // The uncompressed form alone: nodes send no other.
            (curve == OID_EC_P256 && bits.len() == 65 && bits[0] == 4).then_some(Self::P256(bits))
        } else if kind.algorithm == OID_PKCS1_RSAENCRYPTION {
            let key = RsaPublicKey::from_pkcs1_der(&bits).ok()?;
            RSA_BITS.contains(&key.n().bits()).then_some(Self::Rsa(bits, key))
        } else {
            None
        }
    }

    /// Is this the key's signature over the SHA-256 of the message: ECDSA in DER, or RSASSA-PSS with
    /// MGF1-SHA-256 and a salt of any length?
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok(),
            Self::Rsa(der, key) => {
                UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, der).verify(message, signature).is_ok()
                    || verify_other_salt(key, message, signature).is_some()
            }
        }
    }
}

/// `ring` takes a salt of 32 bytes alone. The length is read from the signature and may be anything, since
/// it is only told to the library that checks.
fn verify_other_salt(key: &RsaPublicKey, message: &[u8], signature: &[u8]) -> Option<()> {
    if signature.len() != key.size() {
        return None;
    }
    let salt = salt_length(key, signature)?;
    let signature = Signature::try_from(signature).ok()?;
    VerifyingKey::<Sha256>::new_with_salt_len(key.clone(), salt).verify(message, &signature).ok()
}

/// The length of the salt in a PSS signature (RFC 8017 §9.1.2, steps 5 to 10): what follows the zeros and
/// the one in the unmasked block.
fn salt_length(key: &RsaPublicKey, signature: &[u8]) -> Option<usize> {
    let bits = key.n().bits() - 1;
    let number = rsa_encrypt(key, &BigUint::from_bytes_be(signature)).ok()?.to_bytes_be();
    let mut encoded = vec![0; bits.div_ceil(8).checked_sub(number.len())?];
    encoded.extend(number);
    let (spare, masked) = (8 * encoded.len() - bits, encoded.len().checked_sub(HASH + 1)?);
    let (block, behind) = encoded.split_at_mut(masked);
    for (counter, part) in (0_u32..).zip(block.chunks_mut(HASH)) {
        let mask = Sha256::new().chain_update(&behind[..HASH]).chain_update(counter.to_be_bytes()).finalize();
        part.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
    *block.first_mut()? &= u8::MAX >> spare;
    let one = block.iter().position(|byte| *byte != 0)?;
    (block[one] == 1).then_some(masked - one - 1)
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData as _};
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
    };
    use rsa::{
        RsaPrivateKey,
        pkcs8::{EncodePrivateKey as _, EncodePublicKey as _},
        pss::BlindedSigningKey,
        rand_core::OsRng,
        signature::{RandomizedSigner as _, SignatureEncoding as _},
    };

    use super::*;

    #[test]
    fn ecdsa_signatures_count_for_their_key_and_message_alone() {
        let sign = |pair: &KeyPair, message: &[u8]| {
            let random = SystemRandom::new();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pair.serialize_der(), &random).unwrap();
            pair.sign(&random, message).unwrap().as_ref().to_vec()
        };
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let key = PublicKey::of_spki(&pair.subject_public_key_info()).unwrap();
        let signature = sign(&pair, b"challenge");
        assert!(key.verify(b"challenge", &signature));
        assert!(!key.verify(b"challengf", &signature) && !key.verify(b"challenge", b"") && !key.verify(b"challenge", &signature[1..]));
        let other = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        assert!(!key.verify(b"challenge", &sign(&other, b"challenge")));
    }

    #[test]
    fn pss_salts_may_have_any_length() {
        // 2,049 bits: the encoded message is a byte shorter than the modulus.
        for bits in [2048, 2049] {
            let private = RsaPrivateKey::new(&mut OsRng, bits).unwrap();
            let key = PublicKey::of_spki(private.to_public_key().to_public_key_der().unwrap().as_bytes()).unwrap();
            let most = (bits - 1).div_ceil(8) - HASH - 2;
            for salt in [0, 1, 20, 32, 33, 64, most] {
                let signer = BlindedSigningKey::<Sha256>::new_with_salt_len(private.clone(), salt);
                let signature = signer.sign_with_rng(&mut OsRng, b"challenge").to_vec();
                assert!(key.verify(b"challenge", &signature), "{bits} bits, salt of {salt}");
                assert!(!key.verify(b"challengf", &signature));
                for at in [0, 100, 255] {
                    let mut broken = signature.clone();
                    broken[at] ^= 1;
                    assert!(!key.verify(b"challenge", &broken));
                }
                assert!(!key.verify(b"challenge", &signature[1..]) && !key.verify(b"challenge", &[&signature[..], &[0]].concat()));
            }
            for nonsense in [vec![0; bits.div_ceil(8)], vec![0xff; bits.div_ceil(8)], Vec::new()] {
                assert!(!key.verify(b"challenge", &nonsense));
            }
            let other = rsa::pkcs1v15::SigningKey::<Sha256>::new(private);
            let signature = rsa::signature::Signer::sign(&other, b"challenge").to_vec();
            assert!(!key.verify(b"challenge", &signature), "PKCS#1 v1.5 is no PSS");
        }
    }

    #[test]
    fn keys_of_other_kinds_and_sizes_are_none() {
        let small = RsaPrivateKey::new(&mut OsRng, 1024).unwrap();
        assert!(PublicKey::of_spki(small.to_public_key().to_public_key_der().unwrap().as_bytes()).is_none());
        assert!(PublicKey::of_spki(small.to_pkcs8_der().unwrap().as_bytes()).is_none());
        let curve = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        assert!(PublicKey::of_spki(&curve.subject_public_key_info()).is_none());
        let good = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().subject_public_key_info();
        assert!(PublicKey::of_spki(&good).is_some() && PublicKey::of_spki(&[&good[..], &[0]].concat()).is_none());
        assert!(PublicKey::of_spki(b"").is_none());
    }
}
