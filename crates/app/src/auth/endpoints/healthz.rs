//! `GET` and `HEAD /healthz`: the process answers. Whether it is *ready* is the server's own `/readyz`.

use super::{Answered, OK};

pub(in crate::auth) async fn handle() -> Answered {
    OK
}
