//! The success bodies of the contract.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::openapi::{Operation, Output};

/// `{"status":"success","description":<text>}`, contract `APISuccessResponse`. The text must not hold
/// the word "failure": an app searches for it (`clients.md` D18).
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(description = "It was done.")]
pub struct Success {
    #[schemars(extend("const" = "success"))]
    status: &'static str,
    /// What was done, for people.
    description: String,
}

impl Success {
    /// A success with this description.
    pub fn new(description: impl Into<String>) -> Self {
        Self { status: "success", description: description.into() }
    }
}

impl IntoResponse for Success {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

impl Output for Success {
    fn describe(operation: &mut Operation) {
        operation.answer::<Self>(StatusCode::OK);
    }
}

/// JSON with status 201.
#[derive(Clone, Debug)]
pub struct Created<T = Success>(pub T);

/// A [`Success`] with status 201.
pub fn created(description: impl Into<String>) -> Created {
    Created(Success::new(description))
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

impl<T: JsonSchema> Output for Created<T> {
    fn describe(operation: &mut Operation) {
        operation.answer::<T>(StatusCode::CREATED);
    }
}

/// What was looked for. Where it is not there, that is a refusal with status 404.
#[derive(Clone, Debug)]
pub struct Found<T>(pub T);

impl<T: IntoResponse> IntoResponse for Found<T> {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl<T: Output> Output for Found<T> {
    fn describe(operation: &mut Operation) {
        T::describe(operation);
        operation.refuse(StatusCode::NOT_FOUND);
    }
}

/// A list in which each entry has its own outcome, with status 207.
#[derive(Clone, Debug)]
pub struct MultiStatus<T>(pub Vec<T>);

impl<T: Serialize> IntoResponse for MultiStatus<T> {
    fn into_response(self) -> Response {
        (StatusCode::MULTI_STATUS, Json(self.0)).into_response()
    }
}

impl<T: JsonSchema> Output for MultiStatus<T> {
    fn describe(operation: &mut Operation) {
        operation.answer::<Vec<T>>(StatusCode::MULTI_STATUS);
    }
}

/// An object that holds such a list, with status 207.
#[derive(Clone, Debug)]
pub struct Multi<T>(pub T);

impl<T: Serialize> IntoResponse for Multi<T> {
    fn into_response(self) -> Response {
        (StatusCode::MULTI_STATUS, Json(self.0)).into_response()
    }
}

impl<T: JsonSchema> Output for Multi<T> {
    fn describe(operation: &mut Operation) {
        operation.answer::<T>(StatusCode::MULTI_STATUS);
    }
}

/// One of two answers.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the first and the second")]
pub enum Either<A, B> {
    One(A),
    Other(B),
}

impl<A: IntoResponse, B: IntoResponse> IntoResponse for Either<A, B> {
    fn into_response(self) -> Response {
        match self {
            Self::One(answer) => answer.into_response(),
            Self::Other(answer) => answer.into_response(),
        }
    }
}

impl<A: Output, B: Output> Output for Either<A, B> {
    fn describe(operation: &mut Operation) {
        A::describe(operation);
        B::describe(operation);
    }
}
