//! The administrator's API: who may, what commands do, and what is left when one fails.

use graphql::metadata_api::Mode;
use graphql::{EndpointOptions, EngineOptions};
use http::StatusCode;
use serde_json::json;

use crate::served::{ADMIN, ANN, NOBODY, Served};

#[tokio::test]
async fn it_is_the_administrators_alone() {
    let served = Served::new().await;
    let command = json!({"type": "export_metadata", "args": {}}).to_string();
    for who in [ANN, NOBODY] {
        for path in ["/v1/metadata", "/v2/query", "/v1/query"] {
            let (status, answer) = served.post(path, who, command.clone()).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
            let expected =
                json!({"path": "$", "error": "restricted access : admin only", "code": "access-denied"});
            assert_eq!(answer, expected);
        }
    }
    let wrong = &[("x-hasura-admin-secret", "guess")];
    assert_eq!(served.post("/v1/metadata", wrong, command).await.0, StatusCode::UNAUTHORIZED);
    for rubbish in ["", "{", "[]", "{\"type\": 5}", "{\"args\": {}}", "\u{0}"] {
        let (status, answer) = served.post("/v1/metadata", ADMIN, rubbish).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::BAD_REQUEST, &json!("parse-failed")),
            "{rubbish:?}"
        );
    }
    assert_eq!(served.refused("make_coffee", json!({})).await.1, "$.type");
}

#[tokio::test]
async fn fixed_metadata_can_be_looked_at() {
    let served = Served::with(EngineOptions::default(), EndpointOptions::default(), Mode::Look).await;
    served.done("export_metadata", json!({})).await;
    served.done("reload_metadata", json!({})).await;
    served.done("bulk", json!([{"type": "get_inconsistent_metadata", "args": {}}])).await;
    for (kind, args) in [
        ("clear_metadata", json!({})),
        ("run_sql", json!({"sql": "select 1"})),
        ("pg_run_sql", json!({"sql": "select 1", "read_only": true})),
        ("bulk", json!([{"type": "clear_metadata", "args": {}}])),
        ("bulk", json!({"type": "clear_metadata"})),
    ] {
        assert_eq!(served.refused(kind, args).await.0, "not-supported", "{kind}");
    }
}

#[tokio::test]
async fn sql_answers_as_hasura_has_it() {
    let served = Served::new().await;
    let rows = served
        .done(
            "run_sql",
            json!({"sql": "select 1 as a, null as b; select id, name from author order by id limit 2"}),
        )
        .await;
    assert_eq!(
        rows,
        json!({"result_type": "TuplesOk", "result": [["id", "name"], ["1", "Ann"], ["2", "Bob"]]})
    );
    assert_eq!(served.sql("select null as b").await, json!([["b"], ["NULL"]]));
    let last = json!({"sql": "select 1 as a; update author set tags = tags"});
    assert_eq!(served.done("run_sql", last).await["result_type"], "CommandOk");
    let none = served.done("pg_run_sql", json!({"sql": "update author set tags = tags"})).await;
    assert_eq!(none, json!({"result_type": "CommandOk", "result": null}));
    let (status, error) = served.command("run_sql", json!({"sql": "select nothing from nowhere"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        (&error["code"], &error["error"]),
        (&json!("postgres-error"), &json!("query execution failed"))
    );
    assert_eq!(error["internal"]["error"]["status_code"], "42P01");
    assert_eq!(error["internal"]["statement"], "select nothing from nowhere");
    // What fails leaves nothing, and what a session sets stays in it.
    let failing = json!({"sql": "delete from author; select 1 / 0"});
    assert_eq!(served.refused("run_sql", failing).await.0, "postgres-error");
    assert_eq!(served.sql("select count(*) from author").await[1][0], "3");
    served.sql("set search_path = pg_catalog; set statement_timeout = 1").await;
    assert_eq!(served.sql("select count(*) from author where pg_sleep(0.01) is not null").await[1][0], "3");
    let writing = json!({"sql": "delete from author", "read_only": true});
    assert_eq!(served.refused("run_sql", writing).await.0, "postgres-error");
    let huge = json!({"sql": "select repeat('x', 1000) from generate_series(1, 1000000)"});
    assert_eq!(served.refused("run_sql", huge).await.0, "bad-request");
    assert_eq!(served.sql("select 1 as a").await, json!([["a"], ["1"]]));
}

#[tokio::test]
async fn a_table_is_made_tracked_and_permitted_while_the_engine_runs() {
    let served = Served::new().await;
    served
        .sql("create table shelf (id int primary key, label text, author_id bigint references author (id))")
        .await;
    assert_eq!(served.code(ADMIN, "{ shelf { id } }").await, "validation-failed");
    served.done("pg_track_table", json!({"source": "default", "table": "shelf"})).await;
    assert_eq!(
        served.refused("track_table", json!({"schema": "public", "name": "shelf"})).await.0,
        "already-tracked"
    );
    assert_eq!(served.refused("track_table", json!("nothing")).await.0, "not-exists");
    served.sql("insert into shelf values (1, 'upper', 1)").await;
    assert_eq!(
        served.ask(ADMIN, "{ shelf { label } }").await["data"],
        json!({"shelf": [{"label": "upper"}]})
    );
    let relationship = json!({"table": "shelf", "name": "author",
        "using": {"foreign_key_constraint_on": "author_id"}});
    served.done("pg_create_object_relationship", relationship.clone()).await;
    assert_eq!(served.refused("create_object_relationship", relationship).await.0, "already-exists");
    let permission =
        json!({"table": "shelf", "role": "user", "permission": {"columns": ["label"], "filter": {}}});
    served.done("pg_create_select_permission", permission.clone()).await;
    assert_eq!(served.refused("create_select_permission", permission).await.0, "already-exists");
    let seen = served.ask(ANN, "{ shelf { label author { name } } }").await;
    assert_eq!(seen["data"], json!({"shelf": [{"label": "upper", "author": {"name": "Ann"}}]}));
    assert_eq!(served.code(ANN, "{ shelf { id } }").await, "validation-failed");
    served.done("drop_select_permission", json!({"table": "shelf", "role": "user"})).await;
    assert_eq!(served.code(ANN, "{ shelf { label } }").await, "validation-failed");
    let (code, _, _) =
        served.refused("drop_select_permission", json!({"table": "shelf", "role": "user"})).await;
    assert_eq!(code, "permission-denied");
    served.done("rename_relationship", json!({"table": "shelf", "name": "author", "new_name": "by"})).await;
    assert_eq!(served.ask(ADMIN, "{ shelf { by { name } } }").await["data"]["shelf"][0]["by"]["name"], "Ann");
    served.done("drop_relationship", json!({"table": "shelf", "relationship": "by"})).await;
    assert_eq!(served.code(ADMIN, "{ shelf { by { name } } }").await, "validation-failed");
    served
        .done(
            "pg_set_table_customization",
            json!({"table": "shelf", "configuration": {"custom_name": "board"}}),
        )
        .await;
    assert_eq!(served.ask(ADMIN, "{ board { id } }").await["data"], json!({"board": [{"id": 1}]}));
    served.done("untrack_table", json!({"table": "shelf"})).await;
    assert_eq!(served.code(ADMIN, "{ board { id } }").await, "validation-failed");
}

#[tokio::test]
async fn what_depends_on_a_table_keeps_it_or_goes_with_it() {
    let served = Served::new().await;
    let (code, _, error) = served.refused("untrack_table", json!({"table": "author"})).await;
    assert_eq!(code, "constraint-error", "{error}");
    assert_eq!(served.ask(ADMIN, "{ author { id } }").await["data"]["author"].as_array().unwrap().len(), 3);
    let wrong = json!({"table": "book", "role": "reader2", "permission": {"columns": ["id"], "filter": {"nope": {"_eq": 1}}}});
    assert_eq!(served.refused("create_select_permission", wrong).await.0, "constraint-error");
    let wrong = json!({"table": "book", "name": "x", "using": {"foreign_key_constraint_on": "title"}});
    assert_eq!(served.refused("create_object_relationship", wrong).await.0, "constraint-error");
    let admin = json!({"table": "book", "role": "admin", "permission": {"columns": "*", "filter": {}}});
    assert_eq!(served.refused("create_select_permission", admin).await.0, "not-supported");
}

#[tokio::test]
async fn a_list_of_commands_comes_into_force_whole_or_not_at_all() {
    let served = Served::new().await;
    let list = json!([
        {"type": "run_sql", "args": {"sql": "create table crate (id int primary key)"}},
        {"type": "pg_track_table", "args": {"table": "crate"}},
        {"type": "pg_create_select_permission", "args": {"table": "crate", "role": "public",
            "permission": {"columns": "*", "filter": {}}}},
        {"type": "bulk", "args": [{"type": "export_metadata", "args": {}}]},
    ]);
    let answers = served.done("bulk", list).await;
    assert_eq!(answers[1], json!({"message": "success"}));
    assert_eq!(served.ask(NOBODY, "{ crate { id } }").await, json!({"data": {"crate": []}}));
    let failing = json!([
        {"type": "untrack_table", "args": {"table": "crate"}},
        {"type": "run_sql", "args": {"sql": "create table box (id int)"}},
        {"type": "bulk", "args": [{"type": "track_table", "args": {"table": "nothing"}}]},
    ]);
    let (code, path, _) = served.refused("bulk", failing.clone()).await;
    assert_eq!((code.as_str(), path.as_str()), ("not-exists", "$.args[2].args[0].args"));
    assert_eq!(served.ask(NOBODY, "{ crate { id } }").await, json!({"data": {"crate": []}}));
    // What SQL has done stays done, and can be tracked at once.
    served.done("track_table", json!("box")).await;
    let mut going_on = failing;
    going_on[1] = json!({"type": "untrack_table", "args": {"table": "nothing"}});
    let answers = served.done("bulk_keep_going", going_on).await;
    assert_eq!(
        (&answers[0]["message"], &answers[1]["code"]),
        (&json!("success"), &json!("already-untracked"))
    );
    assert_eq!(served.code(NOBODY, "{ crate { id } }").await, "validation-failed");
}

#[tokio::test]
async fn metadata_goes_out_and_comes_in_again() {
    let served = Served::new().await;
    let exported = served.done("export_metadata", json!({})).await;
    assert_eq!((&exported["version"], &exported["sources"][0]["name"]), (&json!(3), &json!("default")));
    served.done("clear_metadata", json!({})).await;
    assert_eq!(served.code(ADMIN, "{ author { id } }").await, "validation-failed");
    // The fixture has roles whose parents do not agree, which counts as inconsistent.
    let lenient = json!({"allow_inconsistent_metadata": true, "metadata": exported});
    served.done("replace_metadata", lenient).await;
    assert!(served.ask(ADMIN, "{ author { id } }").await["data"].is_object());
    assert_eq!(served.done("export_metadata", json!({})).await, exported);

    let mut wrong = exported.clone();
    wrong["sources"][0]["tables"][0]["table"]["name"] = json!("ghost");
    assert_eq!(served.refused("replace_metadata", wrong.clone()).await.0, "constraint-error");
    assert!(served.ask(ADMIN, "{ author { id } }").await["data"].is_object());
    let lenient = json!({"allow_inconsistent_metadata": true, "metadata": wrong});
    let report = served.done("replace_metadata", lenient).await;
    assert_eq!(report["is_consistent"], json!(false));
    assert_eq!(served.done("get_inconsistent_metadata", json!({})).await, report);
    assert_eq!(served.world.engine.health().inconsistencies, served.world.engine.inconsistencies().len());
    served.done("drop_inconsistent_metadata", json!({})).await;
    assert_eq!(served.done("reload_metadata", json!({})).await["message"], "success");
    for rubbish in
        [json!([]), json!({"sources": 5}), json!({"version": 3, "sources": [{"tables": [{"table": 5}]}]})]
    {
        assert_eq!(served.refused("replace_metadata", rubbish).await.0, "parse-failed");
    }
}

#[tokio::test]
async fn a_command_meant_for_other_metadata_is_refused() {
    let served = Served::new().await;
    let export = json!({"type": "export_metadata", "version": 2, "args": {}}).to_string();
    let (_, exported) = served.post("/v1/metadata", ADMIN, export.clone()).await;
    let version = exported["resource_version"].clone();
    let clear = json!({"type": "clear_metadata", "args": {}, "resource_version": version}).to_string();
    assert_eq!(served.post("/v1/metadata", ADMIN, clear.clone()).await.0, StatusCode::OK);
    let (status, error) = served.post("/v1/metadata", ADMIN, clear).await;
    assert_eq!((status, &error["code"]), (StatusCode::CONFLICT, &json!("conflict")));
    let (_, exported) = served.post("/v1/metadata", ADMIN, export).await;
    assert_eq!(exported["resource_version"].as_u64(), version.as_u64().map(|version| version + 1));
}

#[tokio::test]
async fn functions_and_their_permissions_follow_commands() {
    let served = Served::new().await;
    served.sql("create function newest() returns setof book language sql volatile as 'select * from book order by id desc limit 1'").await;
    served.done("pg_track_function", json!({"function": "newest"})).await;
    assert_eq!(served.refused("track_function", json!("newest")).await.0, "already-tracked");
    assert_eq!(served.refused("track_function", json!("oldest")).await.0, "not-exists");
    let ask = "mutation { newest { id } }";
    assert_eq!(served.ask(ADMIN, ask).await["data"], json!({"newest": [{"id": 4}]}));
    assert_eq!(served.code(ANN, ask).await, "validation-failed");
    served.done("pg_create_function_permission", json!({"function": "newest", "role": "user"})).await;
    assert!(served.ask(ANN, ask).await["data"].is_object());
    served.done("pg_drop_function_permission", json!({"function": "newest", "role": "user"})).await;
    assert_eq!(served.code(ANN, ask).await, "validation-failed");
    served.done("untrack_function", json!({"function": "newest"})).await;
    assert_eq!(served.code(ADMIN, ask).await, "validation-failed");
}
