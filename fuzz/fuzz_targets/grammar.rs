//! Bytes as choices in the grammar of documents over the library: what is asked is mostly sound, and deep.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/graphql/tests/hostile/document.rs"]
mod document;
#[path = "../../crates/graphql/tests/hostile/library.rs"]
mod library;
#[path = "../../crates/graphql/tests/hostile/statement.rs"]
mod statement;
#[path = "../../crates/graphql/tests/tape.rs"]
mod tape;

static LIBRARY: LazyLock<library::Library> = LazyLock::new(library::Library::new);

fuzz_target!(|bytes: &[u8]| {
    let mut tape = tape::Tape::new(bytes);
    let role = LIBRARY.role(tape.byte());
    let case = document::case(&mut tape);
    if let Err(fault) = statement::judge(role, &case.text, &case.variables) {
        panic!("{fault}\n{case:#?}");
    }
});
