//! A router that knows its routes, so that tests can walk them all, and that takes no handler whose
//! first argument is not a [`Gate`](crate::Gate) or that does not describe itself:
//!
//! ```
//! # use web::{Public, Routes, reply::Success};
//! async fn open(_: Public) -> Success { Success::new("open") }
//! Routes::new().get("/", open, "Opens");
//! ```
//! ```compile_fail
//! # use web::{Routes, extract::query::OfNode, Query, reply::Success};
//! async fn forgotten(_: Query<OfNode>) -> Success { Success::new("oops") }
//! Routes::new().get("/", forgotten, "Has no gate");
//! ```
//! ```compile_fail
//! # use web::{Public, Routes};
//! async fn vague(_: Public) -> axum::response::Response { axum::response::Response::default() }
//! Routes::new().get("/", vague, "Answers with anything");
//! ```

use axum::{
    Router,
    handler::Handler,
    http::Method,
    routing::{MethodFilter, on},
};

use crate::{
    App,
    openapi::{Described, Operation},
};

/// Routes being put together.
#[derive(Default)]
pub struct Routes {
    router: Router<App>,
    list: Vec<Route>,
}

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{name}` for what differs.
    pub path: &'static str,
    /// What it is for, in a few words.
    pub summary: &'static str,
    /// Is it an old name of another?
    pub old: bool,
    /// The module that the handler is from.
    pub(crate) noun: &'static str,
    pub(crate) describe: fn(&mut Operation),
}

/// A path, a path and its old names, or an [`Old`] one alone.
pub trait Names {
    /// Each path, and whether it is an old name.
    fn names(self) -> impl Iterator<Item = (&'static str, bool)>;
}

/// An old name that does not do quite the same as the new.
#[derive(Clone, Copy, Debug)]
pub struct Old(pub &'static str);

impl Names for &'static str {
    fn names(self) -> impl Iterator<Item = (&'static str, bool)> {
        std::iter::once((self, false))
    }
}

impl Names for Old {
    fn names(self) -> impl Iterator<Item = (&'static str, bool)> {
        std::iter::once((self.0, true))
    }
}

impl<const N: usize> Names for [&'static str; N] {
    fn names(self) -> impl Iterator<Item = (&'static str, bool)> {
        self.into_iter().enumerate().map(|(index, path)| (path, index > 0))
    }
}

macro_rules! methods {
    ($($name:ident $method:ident)*) => {$(
        #[doc = concat!("Adds a ", stringify!($method), " route, and says in a few words what it is for.")]
        #[must_use]
        pub fn $name<H, T, A>(self, names: impl Names, handler: H, summary: &'static str) -> Self
        where
            H: Handler<T, App> + Described<A>,
            T: 'static,
        {
            self.add(&Method::$method, MethodFilter::$method, names, &handler, summary)
        }
    )*};
}

impl Routes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    methods!(get GET post POST put PUT delete DELETE);

    fn add<H, T, A>(mut self, method: &Method, filter: MethodFilter, names: impl Names, handler: &H, summary: &'static str) -> Self
    where
        H: Handler<T, App> + Described<A>,
        T: 'static,
    {
        // `function::noun::verb::handler`.
        let noun = std::any::type_name::<H>().split("::").nth(1).unwrap_or_default();
        for (path, old) in names.names() {
            self.router = self.router.route(path, on(filter, handler.clone()));
            self.list.push(Route { method: method.clone(), path, summary, old, noun, describe: H::describe });
        }
        self
    }

    /// These and those.
    #[must_use]
    pub fn merge(mut self, mut other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.list.append(&mut other.list);
        self
    }

    /// The same over this app, whatever those that it is merged with are over.
    #[must_use]
    pub fn over(self, app: App) -> Self {
        Self { router: self.router.with_state(app), list: self.list }
    }

    /// Every route.
    pub fn list(&self) -> &[Route] {
        &self.list
    }

    /// The router, without the things around it that [`crate::door`] adds once.
    pub fn router(self, app: App) -> Router {
        self.router.with_state(app)
    }
}
