//! The world outside, over real connections.

#[cfg(test)]
mod starttls;
