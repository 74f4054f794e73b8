//! Writing one row: insert, upsert, update, delete, functions; all or nothing.

use base::session::Session;
use serde_json::json;

use crate::world::{ANN, BOB, World, user};

#[tokio::test]
async fn an_insert_takes_presets_and_answers_with_relations() {
    let world = World::new().await;
    let query = "mutation($o: book_insert_input!) { insert_book_one(object: $o) { id title is_public author { name books { id } } } }";
    let object = json!({"id": 7, "author_id": 1, "title": "New"});
    let data = world.run(&user(ANN), query, json!({"o": object})).await.unwrap();
    let book = &data["insert_book_one"];
    assert_eq!((&book["id"], &book["is_public"]), (&json!(7), &json!(true)));
    // The answer sees what the write did.
    assert!(book["author"]["books"].as_array().unwrap().contains(&json!({"id": 7})));
}

#[tokio::test]
async fn a_check_that_fails_writes_nothing() {
    let world = World::new().await;
    let insert = "mutation { insert_book_one(object: {id: 8, author_id: 2, title: \"Not mine\"}) { id } }";
    let (code, path, message) = world.refused(&user(ANN), insert).await;
    assert_eq!(code, "permission-error");
    assert_eq!(path, "$.selectionSet.insert_book_one.args.object");
    assert_eq!(message, "check constraint of an insert/update permission has failed");
    assert_eq!(
        world.ok(&Session::admin(), "{ book_by_pk(id: 8) { id } }").await,
        json!({"book_by_pk": null})
    );
    let update = "mutation { update_author_by_pk(pk_columns: {id: 1}, _set: {name: \"Anonymous\"}) { id } }";
    let (code, path, _) = world.refused(&user(ANN), update).await;
    assert_eq!((&*code, path.as_str()), ("permission-error", "$"));
}

#[tokio::test]
async fn an_upsert_gives_the_row_back_and_honours_the_update_permission() {
    let world = World::new().await;
    let upsert = |id: u32, title: &str| {
        format!(
            "mutation {{ insert_book_one(object: {{id: {id}, author_id: 1, title: \"{title}\"}},
               on_conflict: {{constraint: book_pkey, update_columns: [title]}}) {{ id title pages }} }}"
        )
    };
    let data = world.ok(&user(ANN), &upsert(1, "Renamed")).await;
    assert_eq!(data["insert_book_one"], json!({"id": 1, "title": "Renamed", "pages": 100}));
    // Bob's book is outside the filter: nothing happens, silently.
    let data = world.ok(&user(ANN), &upsert(3, "Stolen")).await;
    assert_eq!(data["insert_book_one"], json!(null));
    let nothing = "mutation { insert_book_one(object: {id: 1, author_id: 1, title: \"X\"},
        on_conflict: {constraint: book_pkey, update_columns: []}) { id } }";
    assert_eq!(world.ok(&user(ANN), nothing).await, json!({"insert_book_one": null}));
    let titles = world
        .ok(&Session::admin(), "{ book(where: {id: {_in: [1, 3]}}, order_by: {id: asc}) { title } }")
        .await;
    assert_eq!(titles["book"], json!([{"title": "Renamed"}, {"title": "Third"}]));
}

#[tokio::test]
async fn updates_and_deletes_reach_only_what_they_may() {
    let world = World::new().await;
    let update = "mutation($id: bigint!, $set: book_set_input) {
        update_book_by_pk(pk_columns: {id: $id}, _set: $set, _inc: {pages: 5}) { title pages } }";
    let mine = world.run(&user(ANN), update, json!({"id": 1, "set": {"title": "Mine"}})).await.unwrap();
    assert_eq!(mine["update_book_by_pk"], json!({"title": "Mine", "pages": 105}));
    let theirs = world.run(&user(ANN), update, json!({"id": 3, "set": {"title": "Mine"}})).await.unwrap();
    assert_eq!(theirs["update_book_by_pk"], json!(null));
    let empty = "mutation { update_book_by_pk(pk_columns: {id: 1}, _set: {}) { id } }";
    assert_eq!(world.ok(&user(ANN), empty).await, json!({"update_book_by_pk": null}));

    world.ok(&user(BOB), "mutation { insert_loan_one(object: {book_id: 1, note: \"n\"}) { reader } }").await;
    let delete = format!("mutation {{ delete_loan_by_pk(book_id: 1, reader: \"{BOB}\") {{ note }} }}");
    assert_eq!(world.ok(&user(ANN), &delete).await, json!({"delete_loan_by_pk": null}));
    assert_eq!(world.ok(&user(BOB), &delete).await, json!({"delete_loan_by_pk": {"note": "n"}}));
}

#[tokio::test]
async fn a_function_gets_the_session_and_its_result_passes_the_filter() {
    let world = World::new().await;
    let data = world.ok(&user(BOB), "mutation { lend(args: {book: 2}) { reader book_id } }").await;
    assert_eq!(data, json!({"lend": {"reader": BOB, "book_id": 2}}));
}

#[tokio::test]
async fn fields_run_in_order_in_one_transaction() {
    let world = World::new().await;
    let two = "mutation { __typename
        a: update_book_by_pk(pk_columns: {id: 1}, _inc: {pages: 1}) { pages }
        b: update_book_by_pk(pk_columns: {id: 1}, _inc: {pages: 1}) { pages } }";
    let data = world.ok(&Session::admin(), two).await;
    assert_eq!(data, json!({"__typename": "mutation_root", "a": {"pages": 101}, "b": {"pages": 102}}));
    let broken = "mutation {
        a: update_book_by_pk(pk_columns: {id: 1}, _inc: {pages: 1}) { pages }
        b: insert_book_one(object: {id: 2, title: \"again\"}) { id } }";
    let (code, path, message) = world.refused(&Session::admin(), broken).await;
    assert_eq!(
        (&*code, path.as_str()),
        ("constraint-violation", "$.selectionSet.insert_book_one.args.object")
    );
    assert!(message.starts_with("Uniqueness violation. duplicate key"), "{message}");
    assert_eq!(
        world.ok(&Session::admin(), "{ book_by_pk(id: 1) { pages } }").await["book_by_pk"]["pages"],
        102
    );
}

#[tokio::test]
async fn values_arrive_as_they_were_sent() {
    let world = World::new().await;
    let query = "mutation($o: author_insert_input!) { insert_author_one(object: $o) { name tags settings birthday } }";
    let odd = "'; drop table author; -- \\ \" \u{1F600} {}";
    let object = json!({"name": odd, "tags": ["a,b", "{", "NULL", "\"", odd], "settings": {"a": [1, null, odd]}, "birthday": null});
    let data = world.run(&Session::admin(), query, json!({"o": object})).await.unwrap();
    assert_eq!(data["insert_author_one"], object);
    let literal = "mutation($x: jsonb) { insert_author_one(object: {name: \"L\", settings: {a: {b: $x}, c: [1.5, RED]}}) { settings } }";
    let data = world.run(&Session::admin(), literal, json!({"x": {"y": 1}})).await.unwrap();
    assert_eq!(data["insert_author_one"]["settings"], json!({"a": {"b": {"y": 1}}, "c": [1.5, "RED"]}));
}

#[tokio::test]
async fn many_rows_are_written_or_none() {
    let world = World::new().await;
    let admin = Session::admin();
    let insert = "mutation($o: [book_insert_input!]!) { insert_book(objects: $o) { affected_rows returning { id title pages } } }";
    let objects = json!([{"id": 50, "title": "A"}, {"id": 51, "title": "B", "pages": 7}]);
    let data = world.run(&admin, insert, json!({"o": objects})).await.unwrap();
    assert_eq!(
        data["insert_book"],
        json!({"affected_rows": 2, "returning": [{"id": 50, "title": "A", "pages": 0}, {"id": 51, "title": "B", "pages": 7}]})
    );
    assert_eq!(world.run(&admin, insert, json!({"o": []})).await.unwrap()["insert_book"]["affected_rows"], 0);
    // One bad row of many changes nothing.
    let objects = json!([{"author_id": 1, "title": "Mine"}, {"author_id": 2, "title": "Not mine"}]);
    let mine = "mutation($o: [book_insert_input!]!) { insert_book(objects: $o) { affected_rows } }";
    assert!(world.run(&user(ANN), mine, json!({"o": objects})).await.is_err());
    assert_eq!(
        world.ok(&admin, "{ book(where: {title: {_eq: \"Mine\"}}) { id } }").await,
        json!({"book": []})
    );

    let update = "mutation { update_book(where: {author_id: {_eq: 1}}, _inc: {pages: 1}) { affected_rows returning { author { name } } } }";
    let data = world.ok(&user(ANN), update).await;
    assert_eq!(data["update_book"]["affected_rows"], 2);
    assert_eq!(data["update_book"]["returning"][0]["author"]["name"], "Ann");
    let many = "mutation { update_book_many(updates: [
        {where: {id: {_eq: 50}}, _set: {title: \"A1\"}}, {where: {id: {_eq: 999}}, _set: {title: \"X\"}}]) { affected_rows } }";
    let data = world.ok(&admin, many).await;
    assert_eq!(data["update_book_many"], json!([{"affected_rows": 1}, {"affected_rows": 0}]));
    let delete = "mutation { delete_book(where: {id: {_eq: 50}}) { affected_rows returning { title } } }";
    let data = world.ok(&admin, delete).await;
    assert_eq!(data["delete_book"], json!({"affected_rows": 1, "returning": [{"title": "A1"}]}));
}

#[tokio::test]
async fn rows_are_inserted_along_with_what_they_belong_to() {
    let world = World::new().await;
    let admin = Session::admin();
    let reader = "\"00000000-0000-0000-0000-000000000009\"";
    let insert = format!(
        "mutation {{ insert_book(objects: [
           {{title: \"One\", author: {{data: {{name: \"New\"}}}}, loans: {{data: [{{reader: {reader}}}, {{reader: \"{ANN}\"}}]}}}},
           {{title: \"Two\", author_id: 1}}]) {{ affected_rows returning {{ title author {{ name }} loans_aggregate {{ aggregate {{ count }} }} }} }} }}"
    );
    let data = world.ok(&admin, &insert).await;
    assert_eq!(
        data["insert_book"],
        json!({"affected_rows": 5, "returning": [
            {"title": "One", "author": {"name": "New"}, "loans_aggregate": {"aggregate": {"count": 2}}},
            {"title": "Two", "author": {"name": "Ann"}, "loans_aggregate": {"aggregate": {"count": 0}}}]})
    );
    // What fails in the depth undoes all of it.
    let broken = format!(
        "mutation {{ insert_author_one(object: {{name: \"Lost\", books: {{data: [{{title: \"T\", loans: {{data: [
           {{reader: {reader}}}, {{reader: {reader}}}]}}}}]}}}}) {{ id }} }}"
    );
    assert_eq!(world.refused(&admin, &broken).await.0, "constraint-violation");
    assert_eq!(
        world.ok(&admin, "{ author(where: {name: {_eq: \"Lost\"}}) { id } }").await,
        json!({"author": []})
    );
    let both = "mutation { insert_book_one(object: {title: \"T\", author_id: 1, author: {data: {name: \"N\"}}}) { id } }";
    let (code, _, message) = world.refused(&admin, both).await;
    assert_eq!(code, "validation-failed");
    assert!(message.contains("already being determined by parent insert"), "{message}");
}
