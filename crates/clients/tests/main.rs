//! The world outside, over real connections.

#[cfg(test)]
mod s3;
#[cfg(test)]
mod smtp;
#[cfg(test)]
mod starttls;
