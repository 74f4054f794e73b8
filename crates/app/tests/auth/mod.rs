//! The sign-in service over HTTP: every endpoint, the good way and each error.

mod service;
mod session;
mod signin;
mod signout;
mod signup;
mod system;
mod token;
