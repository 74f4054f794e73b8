//! The sign-in service over HTTP: every endpoint, the good way and each error.

mod authenticator;
mod codes;
mod email_change;
mod gmail;
mod google;
mod letters;
mod openid;
mod password;
mod providers;
mod second_factor;
mod service;
mod session;
mod signin;
mod signout;
mod signup;
mod system;
mod token;
mod verification;
mod webauthn;
