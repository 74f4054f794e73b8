//! Generated worlds, callers and requests: what the engine answers is what a slow, obvious evaluator finds by looking
//! at every row, and nothing that the caller may not see is in any answer.

mod apply;
mod condition;
mod evaluate;
mod forbidden;
mod query;
mod stage;
mod world;
mod write;

use std::collections::BTreeSet;
use std::time::Duration;

use db::Pool;
use db::testing::TestDatabase;
use futures::StreamExt;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use serde_json::Value;

use crate::tape::Tape;
use apply::Scene;
use condition::View;
use query::{Maker, Root, Writer};
use stage::Stage;
use world::{SECRET, World};
use write::Mutation;

/// A part of the usual number of cases, which is 256 or what `PROPTEST_CASES` says.
fn runner(part: u32) -> TestRunner {
    let usual = Config::default();
    let config =
        Config { cases: usual.cases / part, failure_persistence: None, max_shrink_iters: 400, ..usual };
    TestRunner::new(config)
}

/// A world's tape, and those of the requests to it.
fn tapes(requests: usize) -> impl Strategy<Value = (Vec<u8>, Vec<Vec<u8>>)> {
    // A tape's end is cut off first when a failure is made small.
    let tape = |length: usize| {
        (proptest::collection::vec(any::<u8>(), length), 0..2 * length).prop_map(|(mut bytes, end)| {
            bytes.truncate(end);
            bytes
        })
    };
    (tape(900), proptest::collection::vec(tape(300), 1..requests))
}

/// Runs `check` on a database of its own.
fn property<S: Strategy>(
    part: u32,
    strategy: &S,
    check: &impl AsyncFn(&Pool, S::Value) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = runtime.block_on(TestDatabase::create(&[]));
    let pool = runtime.block_on(database.pool());
    let outcome = runner(part).run(strategy, |value| runtime.block_on(check(&pool, value)));
    match outcome {
        Ok(()) => {}
        // The reason tells the world and the requests; the bytes say nothing to anybody.
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(TestError::Abort(reason)) => panic!("gave up: {reason}"),
    }
}

#[test]
fn what_is_read_is_what_there_is_to_see() {
    property(4, &tapes(24), &async |pool, (of_world, of_requests)| {
        let world = World::new(&mut Tape::new(&of_world));
        let stage = Box::pin(Stage::new(pool, &world)).await;
        for bytes in of_requests {
            let mut tape = Tape::new(&bytes);
            let limited = !tape.chance(25);
            let roots: Vec<Root> = (0..=tape.below(2))
                .filter_map(|_| Maker { world: &world, limited, tape: &mut tape }.root())
                .collect();
            if roots.is_empty() {
                continue;
            }
            let mut writer = Writer::new(&world, &mut tape);
            let written: Vec<String> =
                roots.iter().enumerate().map(|(at, root)| writer.root(&format!("r{at}"), root)).collect();
            let (text, variables) = writer.finish("query", &written);
            let view = View { world: &world, rows: &world.rows, limited };
            let story = || {
                let who = if limited { "user" } else { "admin" };
                format!("{}{:#}\n{who}: {text}\n{variables:?}", world.sql(), world.metadata())
            };
            let answer = Box::pin(stage.run(limited, &text, &variables)).await;
            let answer = answer.map_err(|error| TestCaseError::fail(format!("{error}\n{}", story())))?;
            for (at, root) in roots.iter().enumerate() {
                let (expected, found) = (evaluate::answer(view, root), &answer[format!("r{at}")]);
                prop_assert!(
                    evaluate::is_same(&expected, found),
                    "expected {expected}\nfound {found}\n{}",
                    story()
                );
            }
            prop_assert!(!limited || !answer.to_string().contains(SECRET), "{answer}\n{}", story());
        }
        Ok(())
    });
}

#[test]
fn what_is_written_is_what_may_be_and_all_or_nothing() {
    property(4, &tapes(24), &async |pool, (of_world, of_requests)| {
        let world = World::new(&mut Tape::new(&of_world));
        let stage = Box::pin(Stage::new(pool, &world)).await;
        let mut rows = world.rows.clone();
        let mut done = Vec::new();
        for bytes in of_requests {
            let mut tape = Tape::new(&bytes);
            let limited = !tape.chance(25);
            let mutations: Vec<Mutation> = (0..=tape.below(2))
                .filter_map(|_| Maker { world: &world, limited, tape: &mut tape }.mutation(&rows))
                .collect();
            if mutations.is_empty() {
                continue;
            }
            let mut writer = Writer::new(&world, &mut tape);
            let written: Vec<String> = mutations
                .iter()
                .enumerate()
                .map(|(at, one)| writer.mutation(&format!("r{at}"), one))
                .collect();
            let (text, variables) = writer.finish("mutation", &written);
            let who = if limited { "user" } else { "admin" };
            done.push(format!("{who}: {text}\n{variables:?}"));
            let story = || format!("{}{:#}\n{}", world.sql(), world.metadata(), done.join("\n"));
            let mut scene = Scene { world: &world, rows: rows.clone(), limited, faults: BTreeSet::new() };
            let expected: Vec<Value> = mutations.iter().map(|one| scene.apply(one)).collect();
            match Box::pin(stage.run(limited, &text, &variables)).await {
                Err(error) => {
                    prop_assert!(
                        scene.faults.contains(&*error.code),
                        "{error}, not {:?}\n{}",
                        scene.faults,
                        story()
                    );
                    prop_assert!(!error.to_string().contains(SECRET), "{error}\n{}", story());
                }
                Ok(answer) => {
                    prop_assert!(scene.faults.is_empty(), "{answer}, not {:?}\n{}", scene.faults, story());
                    for (at, expected) in expected.iter().enumerate() {
                        let found = &answer[format!("r{at}")];
                        let same = evaluate::is_same(expected, found);
                        prop_assert!(same, "expected {expected}\nfound {found}\n{}", story());
                    }
                    prop_assert!(!limited || !answer.to_string().contains(SECRET), "{answer}\n{}", story());
                    rows = scene.rows;
                }
            }
            for rows in &mut rows {
                rows.sort();
            }
            let there = Box::pin(stage.rows(&world)).await;
            prop_assert_eq!(&rows, &there, "{}", story());
        }
        Ok(())
    });
}

#[test]
fn what_may_not_be_seen_cannot_be_asked_for() {
    property(8, &tapes(2), &async |pool, (of_world, _)| {
        let world = World::new(&mut Tape::new(&of_world));
        let stage = Box::pin(Stage::new(pool, &world)).await;
        for request in forbidden::requests(&world) {
            let story = || format!("{}{:#}\n{request}", world.sql(), world.metadata());
            match Box::pin(stage.run(true, &request, &serde_json::Map::new())).await {
                Ok(answer) => prop_assert!(false, "answered {answer}\n{}", story()),
                Err(error) => {
                    prop_assert_eq!(&*error.code, "validation-failed", "{}\n{}", error, story());
                    prop_assert!(!error.to_string().contains(SECRET), "{error}\n{}", story());
                }
            }
        }
        Ok(())
    });
}

#[test]
fn what_is_streamed_comes_once_and_in_order() {
    property(8, &tapes(12), &async |pool, (of_world, of_requests)| {
        let world = World::new(&mut Tape::new(&of_world));
        let stage = Box::pin(Stage::new(pool, &world)).await;
        for bytes in of_requests {
            let mut tape = Tape::new(&bytes);
            let limited = !tape.chance(25);
            let Some(stream) = (Maker { world: &world, limited, tape: &mut tape }).stream() else { continue };
            let mut writer = Writer::new(&world, &mut tape);
            let written = writer.stream(&stream);
            let (text, variables) = writer.finish("subscription", &[written]);
            let expected = evaluate::streamed(View { world: &world, rows: &world.rows, limited }, &stream);
            let size = world.limit(limited, stream.table).map_or(stream.size, |most| most.min(stream.size));
            let mut said = stage.follow(limited, &text, &variables);
            for batch in expected.chunks(size) {
                let story = || format!("{}{:#}\n{text}\n{variables:?}", world.sql(), world.metadata());
                let next = tokio::time::timeout(Duration::from_secs(10), said.next()).await;
                let next = next.map_err(|_| TestCaseError::fail(format!("silent\n{}", story())))?;
                let found = next.and_then(Result::ok).map_or(Value::Null, |data| data["r"].clone());
                let batch = Value::from(batch);
                prop_assert!(
                    evaluate::is_same(&batch, &found),
                    "expected {batch}\nfound {found}\n{}",
                    story()
                );
            }
        }
        Ok(())
    });
}
