//! The features, over HTTP and a real database.

#[cfg(test)]
mod auth;
