//! The sign-in service over HTTP: every endpoint, the good way and each error.

mod anonymous;
mod authenticator;
mod codes;
mod deletion;
mod email_change;
mod email_factor;
mod gmail;
mod google;
mod letters;
mod limits;
mod openid;
mod password;
mod pat;
mod providers;
mod rules;
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
