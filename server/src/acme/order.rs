//! One order, from the names to the certificate.

use anyhow::{Context as _, anyhow, bail};
use instant_acme::{
    Account, AuthorizationHandle, AuthorizationStatus, ChallengeStatus, ChallengeType, Identifier, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};

use super::{Orderer, PATIENCE, account::is_unknown};
use crate::settings::{Challenge, Host};

impl Orderer {
    /// A new key with its chain, in PEM.
    pub(super) async fn order(&self, account: &Account) -> anyhow::Result<String> {
        let names: Vec<Identifier> = self.domains.iter().map(|domain| Identifier::Dns(domain.as_str().to_owned())).collect();
        let mut order = match account.new_order(&NewOrder::new(&names)).await {
            // The authority has forgotten the account.
            Err(error) if is_unknown(&error) => self.new_account().await?.new_order(&NewOrder::new(&names)).await?,
            order => order?,
        };
        let proved = self.prove(&mut order).await;
        self.forget_proofs();
        proved?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(self.domains.iter().map(|domain| domain.as_str().to_owned()).collect::<Vec<_>>())?;
        params.distinguished_name = DistinguishedName::new();
        order.finalize_csr(params.serialize_request(&key)?.der()).await?;
        let chain = order.poll_certificate(&RetryPolicy::default().timeout(PATIENCE)).await?;
        Ok(key.serialize_pem() + &chain)
    }

    /// Answers the authority's question for each name, and waits until it is content.
    async fn prove(&self, order: &mut Order) -> anyhow::Result<()> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let authorization = authorization?;
            match authorization.status {
                AuthorizationStatus::Valid => {}
                AuthorizationStatus::Pending => self.answer(authorization).await?,
                status => bail!("an authorization is {status:?}"),
            }
        }
        let ready = order.poll_ready(&RetryPolicy::default().timeout(PATIENCE)).await;
        match ready {
            Ok(OrderStatus::Ready) => Ok(()),
            Ok(OrderStatus::Invalid) | Err(instant_acme::Error::Api(_)) => {
                let why = why(order).await;
                Err(why.or(ready.err().map(Into::into)).unwrap_or_else(|| anyhow!("the authority refused the order")))
            }
            Ok(status) => bail!("the order is {status:?}"),
            Err(error) => Err(error.into()),
        }
    }

    async fn answer(&self, mut authorization: AuthorizationHandle<'_>) -> anyhow::Result<()> {
        let name = authorization.identifier().to_string();
        let kind = match self.challenge {
            Challenge::Http01 => ChallengeType::Http01,
            Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        };
        let challenge = authorization.challenge(kind);
        let mut challenge = challenge.with_context(|| format!("the authority does not offer this --acme-challenge for {name}"))?;
        let answer = challenge.key_authorization();
        match self.challenge {
            Challenge::Http01 => self.tokens.put(&challenge.token, answer.as_str()),
            Challenge::TlsAlpn01 => self.answer_by_tls(&name, answer.digest().as_ref())?,
        }
        Ok(challenge.set_ready().await?)
    }

    /// Nothing that was to be shown is needed any more.
    pub(super) fn forget_proofs(&self) {
        self.tokens.clear();
        self.domains.iter().map(Host::as_str).for_each(|name| self.certificates.prove_no_more(name));
    }
}

/// What the authority says about the name that it could not see.
async fn why(order: &mut Order) -> Option<anyhow::Error> {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let name = authorization.identifier().to_string();
        let Ok(state) = authorization.refresh().await else { continue };
        let failed = state.challenges.iter().find(|challenge| challenge.status == ChallengeStatus::Invalid);
        if let Some(problem) = failed.and_then(|challenge| challenge.error.clone()) {
            return Some(anyhow!(problem).context(format!("{name} could not be proved")));
        }
    }
    None
}
