//! Any bytes as a document with variables: a byte that picks the role, the document, and behind a line with `---`
//! the variables in JSON. No panic, bounded time, and no SQL but the engine's own.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/graphql/tests/hostile/library.rs"]
mod library;
#[path = "../../crates/graphql/tests/hostile/statement.rs"]
mod statement;

static LIBRARY: LazyLock<library::Library> = LazyLock::new(library::Library::new);

fuzz_target!(|bytes: &[u8]| {
    let Some((role, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let (text, variables) = text.split_once("\n---\n").unwrap_or((text, "{}"));
    let variables = serde_json::from_str(variables).unwrap_or_default();
    if let Err(fault) = statement::judge(LIBRARY.role(*role), text, &variables) {
        panic!("{fault}");
    }
});
