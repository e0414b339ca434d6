//! Bodies that are forms, as browsers and OAuth clients send them, whatever the content type says.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{body, query::Query};
use crate::{
    App, Failure,
    openapi::{Input, Operation},
};

/// A form read as a `T`, like a query: an empty value is absent. No body at all is an empty form.
#[derive(Debug)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| body::incomplete(rejection.status()))?;
        let Query(form) = Query::parse(&String::from_utf8_lossy(&bytes))?;
        Ok(Self(form))
    }
}

impl<T: JsonSchema> Input for Form<T> {
    fn describe(operation: &mut Operation) {
        operation.form::<T>();
        operation.refuse(StatusCode::BAD_REQUEST);
        operation.refuse(StatusCode::PAYLOAD_TOO_LARGE);
    }
}

/// One percent-encoded text, as it stands in a form.
pub fn decode(text: &str) -> String {
    let text = text.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// The path with these parameters, but for those that are not there.
pub fn with_query<'a>(path: &str, params: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(params.into_iter().filter_map(|(name, value)| Some((name, value?))));
    format!("{path}?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded_and_params_encoded() {
        assert_eq!(decode("a%20b+c&d=e%3D%"), "a b c&d=e=%");
        assert_eq!(with_query("/x", [("a", Some("1")), ("b", Some("2 &")), ("z", None)]), "/x?a=1&b=2+%26");
    }
}
