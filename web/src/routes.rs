//! A router that knows its routes, so that tests can walk them all, and that takes no handler whose
//! first argument is not a [`Gate`]:
//!
//! ```
//! # use web::{Public, Routes};
//! async fn open(_: Public) -> &'static str { "open" }
//! Routes::new().get("/", open);
//! ```
//! ```compile_fail
//! # use web::{Query, Routes};
//! async fn forgotten(_: Query) -> &'static str { "oops" }
//! Routes::new().get("/", forgotten);
//! ```

use axum::{Router, handler::Handler, http::Method, routing::MethodFilter};

use crate::{App, Gate};

/// A handler's arguments, of which the first is a gate.
pub trait Gated {}

macro_rules! gated {
    ($($rest:ident)*) => {
        impl<M, G: Gate, $($rest),*> Gated for (M, G, $($rest),*) {}
    };
}

gated!();
gated!(A);
gated!(A B);
gated!(A B C);
gated!(A B C D);

/// Routes being put together.
#[derive(Default)]
pub struct Routes {
    router: Router<App>,
    list: Vec<(Method, &'static str)>,
}

impl Routes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a GET route.
    #[must_use]
    pub fn get<T: Gated + 'static>(self, path: &'static str, handler: impl Handler<T, App>) -> Self {
        self.add(Method::GET, MethodFilter::GET, path, handler)
    }

    /// Adds a POST route.
    #[must_use]
    pub fn post<T: Gated + 'static>(self, path: &'static str, handler: impl Handler<T, App>) -> Self {
        self.add(Method::POST, MethodFilter::POST, path, handler)
    }

    /// Adds a PUT route.
    #[must_use]
    pub fn put<T: Gated + 'static>(self, path: &'static str, handler: impl Handler<T, App>) -> Self {
        self.add(Method::PUT, MethodFilter::PUT, path, handler)
    }

    /// Adds a DELETE route.
    #[must_use]
    pub fn delete<T: Gated + 'static>(self, path: &'static str, handler: impl Handler<T, App>) -> Self {
        self.add(Method::DELETE, MethodFilter::DELETE, path, handler)
    }

    fn add<T: 'static>(mut self, method: Method, filter: MethodFilter, path: &'static str, handler: impl Handler<T, App>) -> Self {
        self.router = self.router.route(path, axum::routing::on(filter, handler));
        self.list.push((method, path));
        self
    }

    /// Every route.
    pub fn list(&self) -> &[(Method, &'static str)] {
        &self.list
    }

    /// The router, without the things around it that [`crate::door`] adds once.
    pub fn router(self, app: App) -> Router {
        self.router.with_state(app)
    }
}
