//! Columns whose values are the rows of another table.

use base::session::Session;
use serde_json::json;

use crate::world::World;

fn seller() -> Session {
    Session::new("seller", [], false)
}

#[tokio::test]
async fn values_are_names_and_nothing_else() {
    let world = World::new().await;
    let admin = Session::admin();
    let cases = [
        ("{_eq: novel}", json!([1, 2, 5])),
        ("{_neq: novel}", json!([3, 4])),
        ("{_in: [essay, poetry]}", json!([3, 4])),
        ("{_in: essay}", json!([3])),
        ("{_nin: [novel]}", json!([3, 4])),
        ("{_is_null: true}", json!([])),
    ];
    for (asked, expected) in cases {
        let query =
            format!("{{ magazine(where: {{genre: {asked}}}, order_by: {{id: asc}}) {{ id genre }} }}");
        let data = world.ok(&admin, &query).await;
        let ids: Vec<_> = data["magazine"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
        assert_eq!(json!(ids), expected, "{asked}");
    }
    let refused = [
        ("{_eq: \"novel\"}", "_eq", "expected an enum value for type \"genre_enum\", but found a string"),
        (
            "{_eq: comic}",
            "_eq",
            "expected one of the values essay, novel, or poetry for type \"genre_enum\", but found \"comic\"",
        ),
        ("{_eq: null}", "_eq", "unexpected null value for type \"genre_enum\""),
        ("{_like: \"n%\"}", "", "field \"_like\" not found in type: 'genre_enum_comparison_exp'"),
        ("{_gt: novel}", "", "field \"_gt\" not found in type: 'genre_enum_comparison_exp'"),
    ];
    for (asked, at, message) in refused {
        let query = format!("{{ magazine(where: {{genre: {asked}}}) {{ id }} }}");
        let path = format!("$.selectionSet.magazine.args.where.genre.{at}");
        let path = path.trim_end_matches('.');
        assert_eq!(
            world.refused(&admin, &query).await,
            ("validation-failed".into(), path.into(), message.into()),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn a_variable_brings_the_name_as_a_string() {
    let world = World::new().await;
    let admin = Session::admin();
    let query = "query($g: genre_enum!) { magazine(where: {genre: {_eq: $g}}) { id } }";
    let data = world.run(&admin, query, json!({"g": "essay"})).await.unwrap();
    assert_eq!(data, json!({"magazine": [{"id": 3}]}));
    let (code, path, _) = world.refused_with(&admin, query, json!({"g": "comic"})).await;
    assert_eq!(
        (&*code, path.as_str()),
        ("validation-failed", "$.selectionSet.magazine.args.where.genre._eq")
    );
    let as_text = "query($g: String) { magazine(where: {genre: {_eq: $g}}) { id } }";
    assert_eq!(world.refused_with(&admin, as_text, json!({"g": "essay"})).await.0, "validation-failed");
    let insert =
        "mutation($o: [magazine_insert_input!]!) { insert_magazine(objects: $o) { returning { genre } } }";
    let objects =
        json!([{"id": 10, "title": "a", "genre": "poetry"}, {"id": 11, "title": "b", "genre": null}]);
    let data = world.run(&admin, insert, json!({"o": objects})).await.unwrap();
    assert_eq!(data["insert_magazine"]["returning"], json!([{"genre": "poetry"}, {"genre": null}]));
    let bad = json!([{"id": 12, "title": "a", "genre": "comic"}]);
    let (code, path, _) = world.refused_with(&admin, insert, json!({"o": bad})).await;
    assert_eq!(
        (&*code, path.as_str()),
        ("validation-failed", "$.selectionSet.insert_magazine.args.objects[0].genre")
    );
    let update = "mutation { update_magazine_by_pk(pk_columns: {id: 10}, _set: {genre: essay}) { genre } }";
    assert_eq!(world.ok(&admin, update).await["update_magazine_by_pk"]["genre"], "essay");
}

#[tokio::test]
async fn the_type_is_there_for_who_does_not_see_the_table() {
    let world = World::new().await;
    let query = "{ table: __type(name: \"genre\") { name }
        enum: __type(name: \"genre_enum\") { kind enumValues { name description } }
        column: __type(name: \"magazine\") { fields { name type { name kind } } }
        asked: __type(name: \"genre_enum_comparison_exp\") { inputFields { name } } }";
    let data = world.ok(&seller(), query).await;
    assert_eq!(data["table"], json!(null));
    assert_eq!(
        data["enum"],
        json!({"kind": "ENUM", "enumValues": [
            {"name": "essay", "description": "An attempt"},
            {"name": "novel", "description": "A long \"story\""},
            {"name": "poetry", "description": null}]})
    );
    let genre = data["column"]["fields"].as_array().unwrap().iter().find(|field| field["name"] == "genre");
    assert_eq!(genre.unwrap()["type"], json!({"name": "genre_enum", "kind": "ENUM"}));
    let names = ["_eq", "_in", "_is_null", "_neq", "_nin"].map(|name| json!({"name": name}));
    assert_eq!(data["asked"]["inputFields"], json!(names));
    // To the administrator the table is a table as well.
    let own = world.ok(&Session::admin(), "{ genre(where: {name: {_like: \"n%\"}}) { name meaning } }").await;
    assert_eq!(own, json!({"genre": [{"name": "novel", "meaning": "A long \"story\""}]}));
}
