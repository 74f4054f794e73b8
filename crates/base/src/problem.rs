//! What a client may be told when something fails: a small code that decides the HTTP status, and a
//! sentence. Details for operators travel apart, in the log.

use http::StatusCode;

/// A failure as a client may see it. The message is for people and never holds a secret, SQL or a stack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// Whose fault it is and whether to try again.
    pub code: ProblemCode,
    /// One sentence for the client.
    pub message: String,
}

impl Problem {
    /// A problem of the given kind.
    pub fn new(code: ProblemCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The kinds of failure that cross a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemCode {
    /// The request is malformed or breaks a rule. Do not repeat it unchanged.
    Invalid,
    /// Nobody knows who asks.
    Unauthenticated,
    /// Who asks may not do this.
    Forbidden,
    /// There is no such thing, or the caller may not know that there is.
    NotFound,
    /// It contradicts what is stored already.
    Conflict,
    /// Too much at once. Try again later.
    TooMany,
    /// Something that is needed does not answer. Try again later.
    Unavailable,
    /// A fault of the server's own.
    Internal,
}

impl ProblemCode {
    /// The HTTP status that stands for this kind.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
