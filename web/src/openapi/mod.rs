//! What the API says of itself: an OpenAPI document that is made from the handlers' own types, so that there
//! is no second list to keep.
//!
//! An extractor says what it reads ([`Input`]) and an answer what it says ([`Output`]); a handler that takes
//! or gives anything else is no route. Types of queries and bodies derive `JsonSchema`; their doc comments
//! become descriptions. [`Routes`] add path, method and one line. A Lambda has its own function's routes only,
//! so the document of the whole is served where all routes are: by the server.

mod document;
mod foreign;
mod operation;

use std::sync::{Arc, OnceLock};

use axum::{
    body::Bytes,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};

use crate::{Gate, Public, Routes};

pub use operation::Operation;

/// What a handler takes.
pub trait Input {
    /// Says what is read of the request, and with what the request may be refused here.
    fn describe(operation: &mut Operation);
}

/// What a handler gives.
pub trait Output {
    /// Says which answers there are.
    fn describe(operation: &mut Operation);
}

/// A handler whose first argument is a gate, and whose arguments `A` and answer describe themselves.
#[diagnostic::on_unimplemented(
    message = "this handler can't be a route",
    note = "its first argument is a gate: `Caller`, `Allowed`, `Public`, `Attempt`, `Visitor` or `Claimant`",
    note = "its other arguments are `Input`: `State<App>`, `Query<T>`, `Body<T>` ..., where `T: JsonSchema`",
    note = "its answer is `Output`: `Result<Json<T>>` where `T: JsonSchema`, `Result<Success>` ..."
)]
pub trait Described<A> {
    /// Describes the handler.
    fn describe(operation: &mut Operation);
}

macro_rules! described {
    ($($input:ident)*) => {
        impl<H, Answer, G, $($input),*> Described<(G, $($input),*)> for H
        where
            H: Fn(G, $($input),*) -> Answer,
            Answer: Future<Output: Output>,
            G: Gate + Input,
            $($input: Input),*
        {
            fn describe(operation: &mut Operation) {
                G::describe(operation);
                $($input::describe(operation);)*
                Answer::Output::describe(operation);
            }
        }
    };
}

described!();
described!(A);
described!(A B);
described!(A B C);
described!(A B C D);

/// Adds `GET /openapi.json` to the routes of the whole: it describes them all, itself too.
#[must_use]
pub fn published(routes: Routes) -> Routes {
    let made: Arc<OnceLock<Document>> = Arc::default();
    let shown = Arc::clone(&made);
    let serve = move |_: Public| std::future::ready(shown.get().cloned().unwrap_or_default());
    let routes = routes.get("/openapi.json", serve, "This document");
    made.get_or_init(|| Document(document::of(routes.list()).to_string().into()));
    routes
}

/// The document's text.
#[derive(Clone, Default)]
struct Document(Bytes);

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

impl Output for Document {
    fn describe(operation: &mut Operation) {
        operation.answer::<Map<String, Value>>(StatusCode::OK);
    }
}
