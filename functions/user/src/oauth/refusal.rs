//! Refusals of the OAuth routes: a page or a way back for browsers, RFC 6749's form for programs, with the
//! contract's keys beside it (`clients.md` A0).

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;
use shared::oauth::{Fault, Refused};
use web::Failure;

use super::page;

/// For a browser.
pub(super) fn in_browser(refused: Refused) -> Response {
    match refused {
        Refused::Back(to) => page::go(StatusCode::FOUND, &to),
        Refused::Here(fault) => page::stop(status(&fault), &fault.to_string()),
        Refused::Domain(error) => told(&error.into()),
    }
}

/// A refusal of the domain, on a page.
pub(super) fn told(failure: &Failure) -> Response {
    page::stop(failure.status(), failure.description())
}

/// For a program.
pub(super) fn in_json(refused: Refused, by_basic: bool) -> Response {
    let fault = match refused {
        Refused::Here(fault) => fault,
        Refused::Domain(error) => return server_error(&error.into()),
        // The token endpoint sends nobody anywhere.
        Refused::Back(_) => Fault::InvalidRequest("the request is not valid"),
    };
    let body = with_contract_keys(fault.code(), &fault.to_string(), number(&fault));
    // RFC 6749 §5.2: who shows who he is in a header is asked to do so again.
    if fault == Fault::InvalidClient && by_basic {
        let ask = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"raincloud\""))];
        return (StatusCode::UNAUTHORIZED, ask, Json(body)).into_response();
    }
    (status(&fault), Json(body)).into_response()
}

fn server_error(failure: &Failure) -> Response {
    let status = failure.status();
    let error = if status.is_server_error() { "server_error" } else { "invalid_request" };
    (status, Json(with_contract_keys(error, failure.description(), failure.code()))).into_response()
}

/// RFC 6749 §5.2, and the contract's keys.
#[derive(Serialize, JsonSchema)]
pub(super) struct RefusalBody {
    error: &'static str,
    error_description: String,
    status: &'static str,
    error_code: u32,
    description: String,
}

fn with_contract_keys(error: &'static str, description: &str, number: u32) -> RefusalBody {
    RefusalBody {
        error,
        error_description: description.to_owned(),
        status: "failure",
        error_code: number,
        description: description.to_owned(),
    }
}

fn status(fault: &Fault) -> StatusCode {
    match fault {
        Fault::ProviderSilent => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn number(fault: &Fault) -> u32 {
    match fault {
        Fault::InvalidClient => 100_004,
        Fault::InvalidCode => 101_012,
        Fault::InvalidRefresh => 101_017,
        _ => 100_012,
    }
}
