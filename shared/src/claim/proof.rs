//! Claims of chips for themselves: a challenge, and the proof that the chip has its secret (contract
//! `mqtt-and-node.md` §3.3). The MAC address is the node's id.

use data_encoding::HEXUPPER_PERMISSIVE;
use ring::hmac::{self, HMAC_SHA512};

use super::{
    Mac, Platform,
    csr::Csr,
    issue::issue,
    secret::{self, Secret},
};
use crate::{
    Error, Ports, Refusal, Result,
    access::Grant,
    id::RequestId,
    node::certificate,
    port::table::{Batch, Key, Merge, Record, TableId, Value, When, Write},
};

/// Seconds for which a challenge is good. Chips answer at once, but some make an RSA key first.
pub const CHALLENGE_SECONDS: i64 = 300;
/// Answers to one challenge.
const TRIES: i64 = 3;

/// What the chip is to answer.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Which challenge it is: at most 63 characters.
    pub id: RequestId,
    /// ASCII, at most 129 characters.
    pub text: String,
}

fn key(id: &RequestId) -> Key {
    Key::new(TableId::Claims, format!("claim#attempt#{id}"), "attempt")
}

/// A challenge for the chip. Whether its secret is known does not matter here, so that nobody can find out by
/// asking. 1 write.
pub async fn begin(ports: &Ports, mac: &Mac, platform: Platform) -> Result<Challenge> {
    if !platform.proves_itself() {
        return Err(Refusal::NeedsUser.into());
    }
    let id = ports.ids.id().parse().map_err(|_| Error::Corrupt("generated id"))?;
    let text = ports.ids.id() + &ports.ids.id();
    let fields = [("mac", Value::from(mac.as_str())), ("challenge", text.as_str().into()), ("tries", 0.into())];
    let put = Write::Put {
        key: key(&id),
        fields: fields.map(|(name, value)| (name.to_owned(), value)).into(),
        expires: Some(ports.clock.now() + CHALLENGE_SECONDS),
        when: When::Absent,
    };
    ports.table.write(Batch::of(put)?).await?;
    Ok(Challenge { id, text })
}

/// A certificate in PEM for the request's key, if the response is the HMAC-SHA512, in hexadecimal digits, of
/// the challenge under the chip's secret, and the request is for the chip. A challenge is good for one
/// certificate. The certificate that the chip had before is revoked, unless it is of the same key.
///
/// Refusals: [`Refusal::WrongProof`], for an unknown chip too.
pub async fn finish(ports: &Ports, id: &RequestId, response: &str, csr: &Csr) -> Result<String> {
    // Counted before it is looked at, so that guesses at the same moment do not share a try.
    let count = Merge::new(key(id)).add("tries", 1).when(When::Present);
    let attempt = match ports.table.write(Batch::of(Write::Merge(count))?).await {
        Err(error) if error.is_conflict() => None,
        attempt => attempt?,
    };
    let attempt = attempt.filter(|attempt| attempt.int("tries") < Some(TRIES)).ok_or(Refusal::WrongProof)?;
    let (mac, challenge) = read(&attempt).ok_or(Error::Corrupt("attempt at a claim"))?;
    let secret = secret::find(ports, &mac).await?;
    // An unknown chip costs the same time.
    let proved = is_proof(secret.as_ref().unwrap_or(&Secret([0; 16])), challenge, response);
    if !proved || secret.is_none() || csr.node.as_str() != mac.as_str() {
        return Err(Refusal::WrongProof.into());
    }
    match ports.table.write(Batch::of(Write::Delete { key: key(id), when: When::Present })?).await {
        Err(error) if error.is_conflict() => return Err(Refusal::WrongProof.into()),
        used_up => drop(used_up?),
    }
    let node = Grant::trusted_because("the chip proved that it has its secret", csr.node.clone());
    let known = certificate::of(ports, &node).await?;
    issue(ports, &node, csr, known, Vec::new()).await
}

fn read(attempt: &Record) -> Option<(Mac, &str)> {
    Some((attempt.str("mac")?.parse().ok()?, attempt.str("challenge")?))
}

/// Compared in constant time.
fn is_proof(secret: &Secret, challenge: &str, response: &str) -> bool {
    let key = hmac::Key::new(HMAC_SHA512, &secret.0);
    HEXUPPER_PERMISSIVE.decode(response.as_bytes()).is_ok_and(|tag| hmac::verify(&key, challenge.as_bytes(), &tag).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_the_hmac_of_the_challenges_text() {
        let secret: Secret = "000102030405060708090a0b0c0d0e0f".parse().unwrap();
        // By another implementation: Python's hmac.
        let proof = concat!(
            "912BB71E8ABC930CEF0B99B9765C837F10909D3BFB6B4C12A226CD9922268ACE",
            "2E6546A6B89AB544EF275E76BC520B848CC9A6A04F640ED1420DE4F02DF59219"
        );
        assert!(is_proof(&secret, "6d1f0c55e2b84a0f9c7718f0a1b2c3d4", proof));
        assert!(!is_proof(&secret, "6d1f0c55e2b84a0f9c7718f0a1b2c3d5", proof));
        assert!(!is_proof(&Secret([0; 16]), "6d1f0c55e2b84a0f9c7718f0a1b2c3d4", proof));
        for bad in ["", &proof[2..], &format!("{proof}00"), &"x".repeat(128)] {
            assert!(!is_proof(&secret, "6d1f0c55e2b84a0f9c7718f0a1b2c3d4", bad));
        }
    }
}
