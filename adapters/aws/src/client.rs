//! What the clients of all services share: region, credentials, endpoint and one HTTPS client (rustls with
//! ring). Made on first use, so that a function that needs no service pays for none.
//!
//! It goes by the standard environment, so `AWS_ENDPOINT_URL` leads to a local emulator. The SDK does not
//! retry: who calls knows what may be repeated.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use tokio::sync::OnceCell;

/// How long a connection may take; within a region it takes some ms.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer may be waited for: well below a function's time for a request.
const READ: Duration = Duration::from_secs(5);

/// The SDK's configuration, made on first use. Cheap to clone: clones share it.
#[derive(Clone, Debug, Default)]
pub struct Sdk(Arc<OnceCell<SdkConfig>>);

impl Sdk {
    /// One that goes by the environment when it is first needed.
    pub fn from_env() -> Self {
        Self::default()
    }

    /// One that is made already, from [`loader`].
    pub fn with(config: SdkConfig) -> Self {
        Self(Arc::new(OnceCell::new_with(Some(config))))
    }

    /// The configuration, from which a service's client is made.
    pub async fn config(&self) -> &SdkConfig {
        self.0.get_or_init(|| loader().load()).await
    }
}

/// The configuration by the environment, for those who want to change something before it is loaded.
pub fn loader() -> ConfigLoader {
    let https = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).build();
    aws_config::defaults(BehaviorVersion::latest()).http_client(https).retry_config(RetryConfig::disabled()).timeout_config(timeouts)
}
