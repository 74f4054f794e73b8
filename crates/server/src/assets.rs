//! The web client, which is built into the binary. A path that is no file is a place inside the client.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::graphiql;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Client;

/// Scripts and styles come from here alone; pictures of people may be blobs that the client has fetched.
const CONTENT_POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; \
    connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A page of the build that is not the client's, under a policy of its own.
pub(crate) fn page(request: &Request, name: &str, policy: &'static str) -> Response {
    match Client::get(name) {
        Some(file) => respond(request, &file, false, policy),
        None => (StatusCode::NOT_FOUND, "the page is not part of this build").into_response(),
    }
}

/// A file that pages of the build are made of.
pub(crate) fn asset(request: &Request) -> Response {
    let file = Client::get(request.uri().path().trim_start_matches('/'));
    file.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |file| respond(request, &file, true, CONTENT_POLICY),
    )
}

/// Serves the client wherever no other route does.
pub(crate) fn fallback(router: Router) -> Router {
    router.fallback(|request: Request| async move { serve(&request) })
}

fn serve(request: &Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    if path == "v1" || path.starts_with("v1/") {
        return unknown_route();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let file = Client::get(path).filter(|_| path != graphiql::PAGE);
    match file {
        Some(file) => respond(request, &file, path.starts_with("assets/"), CONTENT_POLICY),
        None if is_place(request.uri()) => match Client::get("index.html") {
            Some(index) => respond(request, &index, false, CONTENT_POLICY),
            None => (StatusCode::NOT_FOUND, "the web client is not part of this build").into_response(),
        },
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A file has an extension, a place in the client has none.
fn is_place(uri: &Uri) -> bool {
    !uri.path().rsplit('/').next().is_some_and(|last| last.contains('.'))
}

fn respond(request: &Request, file: &EmbeddedFile, hashed: bool, policy: &str) -> Response {
    let [head @ .., _, _] = file.metadata.sha256_hash();
    let tag = format!("\"{}\"", head.map(|byte| format!("{byte:02x}")).concat());
    // The names of assets change with what is in them.
    let cache = if hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known =
        request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data.clone().into_owned()).into_response()
    };
    let headers = response.headers_mut();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, file.metadata.mimetype());
    set(header::CACHE_CONTROL, cache);
    set(header::ETAG, &tag);
    set(header::CONTENT_SECURITY_POLICY, policy);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Nobody else learns where people are; the server itself sees that a page of its own asks (`?connect=`).
    set(header::REFERRER_POLICY, "same-origin");
    response
}

/// SDKs read every answer under `/v1` as JSON.
fn unknown_route() -> Response {
    let body = r#"{"status":404,"message":"there is no such address","error":"not-found"}"#;
    let json = HeaderValue::from_static("application/json");
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, json)], body).into_response()
}
