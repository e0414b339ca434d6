//! The port `Fleet` on AWS IoT Core.
//!
//! A certificate is known there by the SHA-256 of its DER form, which is our fingerprint. It opens connections
//! once the policy of nodes is attached to it, which is why that comes last; the policy asks that the client id is the
//! name of the thing that the certificate belongs to. All steps may be done again, and a certificate that is
//! revoked stays so: there is no way back here. It keeps the policy, by which whoever deletes an installation finds
//! all of its certificates; its things say the same of themselves.

use async_trait::async_trait;
use aws_sdk_iot::{
    Client as Control,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    types::{AttributePayload, CertificateStatus},
};
use aws_sdk_iotdataplane::{Client as Data, config::Builder, primitives::Blob};
use bytes::Bytes;
use shared::{
    node::certificate::{Fingerprint, to_pem},
    port::fleet::{Fleet, FleetError},
};
use tokio::sync::OnceCell;

use crate::client::Sdk;

type Result<T> = std::result::Result<T, FleetError>;

const THERE: &str = "ResourceAlreadyExistsException";
const NONE: &str = "ResourceNotFoundException";

/// What a function is told of the fleet.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The name of the policy of nodes; whoever has none registers no certificates.
    pub policy: Option<String>,
    /// The host where nodes connect, if it is not the account's own endpoint.
    pub host: Option<String>,
}

/// AWS IoT Core of the account and the region.
pub struct IotFleet {
    sdk: Sdk,
    settings: Settings,
    endpoint: OnceCell<String>,
    control: OnceCell<Control>,
    data: OnceCell<Data>,
}

impl IotFleet {
    /// Of the account that the SDK goes to.
    pub fn new(sdk: Sdk, settings: Settings) -> Self {
        Self { sdk, settings, endpoint: OnceCell::new(), control: OnceCell::new(), data: OnceCell::new() }
    }

    async fn control(&self) -> &Control {
        self.control.get_or_init(|| async { Control::new(self.sdk.config().await) }).await
    }

    /// The account's own endpoint, asked for once.
    async fn endpoint(&self) -> Result<&String> {
        let ask = async || {
            let told = self.control().await.describe_endpoint().endpoint_type("iot:Data-ATS").send().await;
            let address = told.map_err(|error| failed("DescribeEndpoint", &error))?.endpoint_address;
            address.ok_or_else(|| FleetError("DescribeEndpoint told none".into()))
        };
        self.endpoint.get_or_try_init(ask).await
    }

    async fn data(&self) -> Result<&Data> {
        let make = async || {
            let sdk = self.sdk.config().await;
            let config = Builder::from(sdk);
            // One that is set leads to a local emulator.
            let config =
                if sdk.endpoint_url().is_some() { config } else { config.endpoint_url(format!("https://{}", self.endpoint().await?)) };
            Ok(Data::from_conf(config.build()))
        };
        self.data.get_or_try_init(make).await
    }

    fn policy(&self) -> Result<&str> {
        self.settings.policy.as_deref().ok_or_else(|| FleetError("this function registers no certificates".into()))
    }

    /// The name of a certificate that is there.
    async fn arn(&self, id: &str) -> Result<String> {
        let told = self.control().await.describe_certificate().certificate_id(id).send().await;
        let described = told.map_err(|error| failed("DescribeCertificate", &error))?.certificate_description;
        described.and_then(|described| described.certificate_arn).ok_or_else(|| FleetError("the certificate has no name".into()))
    }
}

#[async_trait]
impl Fleet for IotFleet {
    async fn publish(&self, topic: String, payload: Bytes) -> Result<Option<usize>> {
        let publish = self.data().await?.publish().topic(topic).qos(1).retain(false).payload(Blob::new(payload));
        publish.send().await.map_err(|error| failed("Publish", &error))?;
        Ok(None)
    }

    async fn disconnect(&self, client_id: &str) -> Result<()> {
        let delete = self.data().await?.delete_connection().client_id(client_id);
        but(NONE, "DeleteConnection", delete.send().await)?;
        Ok(())
    }

    async fn register(&self, client_id: &str, certificate: &[u8]) -> Result<()> {
        let (control, policy) = (self.control().await, self.policy()?);
        let ours = AttributePayload::builder().attributes("policy", policy).build();
        but(THERE, "CreateThing", control.create_thing().thing_name(client_id).attribute_payload(ours).send().await)?;
        let register = control.register_certificate_without_ca().certificate_pem(to_pem(certificate)).status(CertificateStatus::Active);
        but(THERE, "RegisterCertificateWithoutCA", register.send().await)?;
        let arn = self.arn(&Fingerprint::of(certificate).to_string()).await?;
        let attach = control.attach_thing_principal().thing_name(client_id).principal(&arn);
        attach.send().await.map_err(|error| failed("AttachThingPrincipal", &error))?;
        let attach = control.attach_policy().policy_name(policy).target(arn);
        attach.send().await.map_err(|error| failed("AttachPolicy", &error))?;
        Ok(())
    }

    async fn revoke(&self, client_id: &str, fingerprint: &str) -> Result<()> {
        let control = self.control().await;
        let update = control.update_certificate().certificate_id(fingerprint).new_status(CertificateStatus::Revoked);
        if but(NONE, "UpdateCertificate", update.send().await)?.is_none() {
            // It was never registered.
            return Ok(());
        }
        let detach = control.detach_thing_principal().thing_name(client_id).principal(self.arn(fingerprint).await?);
        but(NONE, "DetachThingPrincipal", detach.send().await)?;
        Ok(())
    }

    async fn host(&self) -> Result<String> {
        if let Some(host) = &self.settings.host {
            return Ok(host.clone());
        }
        let endpoint = self.endpoint().await?;
        Ok(endpoint.split(':').next().unwrap_or(endpoint).to_owned())
    }

    /// Sessions outlive every function.
    fn since(&self) -> i64 {
        0
    }
}

/// The answer; `None` if the call failed with this code.
fn but<T, E>(code: &str, call: &str, outcome: std::result::Result<T, SdkError<E>>) -> Result<Option<T>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match outcome {
        Err(error) if error.code() == Some(code) => Ok(None),
        outcome => outcome.map(Some).map_err(|error| failed(call, &error)),
    }
}

fn failed(call: &str, error: &(impl std::error::Error + 'static)) -> FleetError {
    FleetError(format!("{call}: {}", DisplayErrorContext(error)).into())
}
