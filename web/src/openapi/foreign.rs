//! What libraries' types say.

use axum::{
    Json,
    extract::{Path, RawPathParams, State},
    http::{HeaderMap, StatusCode},
};
use schemars::JsonSchema;

use super::{Input, Operation, Output};

impl<S> Input for State<S> {
    fn describe(_: &mut Operation) {}
}

/// The route's path names what is read.
impl<T> Input for Path<T> {
    fn describe(_: &mut Operation) {}
}

/// The route's path names what is read.
impl Input for RawPathParams {
    fn describe(_: &mut Operation) {}
}

/// What is read of headers changes nothing about what is asked.
impl Input for HeaderMap {
    fn describe(_: &mut Operation) {}
}

/// The handler itself says why something can't be read.
impl<T: Input, E> Input for Result<T, E> {
    fn describe(operation: &mut Operation) {
        T::describe(operation);
    }
}

impl<T: JsonSchema> Output for Json<T> {
    fn describe(operation: &mut Operation) {
        operation.answer::<T>(StatusCode::OK);
    }
}

impl<T: Output, E: Output> Output for Result<T, E> {
    fn describe(operation: &mut Operation) {
        T::describe(operation);
        E::describe(operation);
    }
}
