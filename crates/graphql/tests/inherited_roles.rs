//! Roles made of other roles: rows of any of them, and no cell that none of them may see.

use base::session::Session;
use graphql::metadata::{Columns, InheritedRole};
use graphql::schema::RoleSchema;
use serde_json::{Value, json};

use crate::world::World;

/// An editor sees id and author of Ann's magazines (1, 3); a seller the price and facts of novels (1, 2, 5).
fn press() -> Session {
    Session::new("press", [("X-Hasura-Author-Id".to_owned(), "1".to_owned())], false)
}

fn house() -> Session {
    Session::new("house", [("X-Hasura-Author-Id".to_owned(), "1".to_owned())], false)
}

fn ids(data: &Value) -> Value {
    data["magazine"].as_array().unwrap().iter().map(|row| row["title"].clone()).collect()
}

#[tokio::test]
async fn rows_of_any_parent_and_cells_of_those_who_see_them() {
    for session in [press(), house()] {
        let world = World::new().await;
        let query = "{ magazine(order_by: {title: asc}) { title id price taxed genre } }";
        let data = world.ok(&session, query).await;
        assert_eq!(
            data["magazine"],
            json!([{"title": "Alpha", "id": 1, "price": 10, "taxed": 20, "genre": "novel"},
                   {"title": "Beta", "id": null, "price": 20, "taxed": 40, "genre": "novel"},
                   {"title": "Epsilon", "id": null, "price": 50, "taxed": 100, "genre": "novel"},
                   {"title": "Gamma", "id": 3, "price": null, "taxed": null, "genre": "essay"}])
        );
        // The largest limit holds.
        let insert = "mutation { insert_magazine(objects: [{id: 6, title: \"Zeta\", genre: novel}, {id: 7, title: \"Eta\", genre: novel}]) { affected_rows } }";
        world.ok(&Session::admin(), insert).await;
        assert_eq!(
            world.ok(&session, "{ magazine { title } }").await["magazine"].as_array().unwrap().len(),
            4
        );
        world.refused(&session, "{ magazine { numbers } }").await;
    }
}

#[tokio::test]
async fn a_hidden_cell_is_null_to_whatever_asks() {
    let world = World::new().await;
    let cases = [
        // Gamma's price of 30 and the ids 2 and 5 are hidden.
        ("where: {price: {_gt: 0}}", json!(["Alpha", "Beta", "Epsilon"])),
        ("where: {price: {_is_null: true}}", json!(["Gamma"])),
        ("where: {_not: {price: {_eq: 30}}}", json!(["Alpha", "Beta", "Epsilon"])),
        ("where: {id: {_in: [2, 3, 5]}}", json!(["Gamma"])),
        ("where: {taxed: {_eq: 60}}", json!([])),
        ("where: {facts: {_cast: {String: {_like: \"%text%\"}}}}", json!([])),
    ];
    for (arguments, expected) in cases {
        let query = format!("{{ magazine({arguments}, order_by: {{title: asc}}) {{ title }} }}");
        assert_eq!(ids(&world.ok(&press(), &query).await), expected, "{arguments}");
    }
    let ordered = world.ok(&press(), "{ magazine(order_by: [{price: desc_nulls_last}]) { title } }").await;
    assert_eq!(ids(&ordered), json!(["Epsilon", "Beta", "Alpha", "Gamma"]));
    let ordered = world.ok(&press(), "{ magazine(order_by: [{taxed: asc_nulls_first}]) { title } }").await;
    assert_eq!(ids(&ordered), json!(["Gamma", "Alpha", "Beta", "Epsilon"]));
    let summed = "{ magazine_aggregate { aggregate { count n: count(columns: price) m: count(columns: [id, price], distinct: true)
        sum { price taxed } min { id } max { price id } } nodes { price } } }";
    let data = world.ok(&press(), summed).await;
    assert_eq!(
        data["magazine_aggregate"]["aggregate"],
        json!({"count": 4, "n": 3, "m": 4, "sum": {"price": 80, "taxed": 160}, "min": {"id": 1}, "max": {"price": 50, "id": 3}})
    );
    let distinct =
        "{ magazine(distinct_on: id, order_by: [{id: asc_nulls_first}, {title: desc}]) { title id } }";
    let data = world.ok(&press(), distinct).await;
    assert_eq!(
        data["magazine"],
        json!([{"title": "Epsilon", "id": null}, {"title": "Alpha", "id": 1}, {"title": "Gamma", "id": 3}])
    );
    for (id, expected) in [(1, json!({"price": 10})), (2, json!(null)), (3, json!({"price": null}))] {
        let data = world.ok(&press(), &format!("{{ magazine_by_pk(id: {id}) {{ price }} }}")).await;
        assert_eq!(data["magazine_by_pk"], expected, "{id}");
    }
}

#[tokio::test]
async fn a_role_writes_what_its_parents_agree_on() {
    let world = World::new().await;
    // Both parents may insert the same; the answer hides what they may not see.
    let insert = "mutation { insert_magazine(objects: [{id: 8, title: \"Theta\"}]) { affected_rows returning { title id price } } }";
    let data = world.ok(&press(), insert).await;
    assert_eq!(
        data["insert_magazine"],
        json!({"affected_rows": 1, "returning": [{"title": "Theta", "id": null, "price": null}]})
    );
    // What is written for the role itself comes first.
    let update = "mutation { update_magazine(where: {}, _set: {title: \"New\"}) { affected_rows } }";
    assert_eq!(world.ok(&press(), update).await, json!({"update_magazine": {"affected_rows": 2}}));
    let price = "mutation { update_magazine(where: {}, _set: {price: 1}) { affected_rows } }";
    assert_eq!(
        world.refused(&press(), price).await.2,
        "field \"price\" not found in type: 'magazine_set_input'"
    );
    // Only one of its parents may delete.
    let delete = "mutation { delete_magazine(where: {price: {_gte: 20}}) { affected_rows } }";
    assert_eq!(world.ok(&press(), delete).await, json!({"delete_magazine": {"affected_rows": 2}}));
    let left = world.ok(&Session::admin(), "{ magazine(order_by: {id: asc}) { title } }").await;
    assert_eq!(ids(&left), json!(["New", "Gamma", "Delta", "Theta"]));
}

#[tokio::test]
async fn what_may_be_hidden_may_be_null() {
    let world = World::new().await;
    let query = "{ __type(name: \"magazine\") { fields { name type { kind } } } }";
    let data = world.ok(&press(), query).await;
    let kinds: Vec<_> = data["__type"]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (field["name"].as_str().unwrap(), field["type"]["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("author_id", "SCALAR"),
            ("facts", "SCALAR"),
            ("genre", "ENUM"),
            ("id", "SCALAR"),
            ("price", "SCALAR"),
            ("taxed", "SCALAR"),
            ("title", "NON_NULL")
        ]
    );
}

#[tokio::test]
async fn what_the_parents_do_not_agree_on_is_told_and_not_there() {
    let mut metadata = crate::world::metadata();
    let magazine = metadata.tables.iter_mut().find(|table| table.table.name == "magazine").unwrap();
    magazine.insert_permissions[0].permission.columns = Columns::Some(vec!["id".to_owned()]);
    metadata.inherited_roles.push(InheritedRole { role_name: "a".into(), role_set: vec!["b".into()] });
    metadata
        .inherited_roles
        .push(InheritedRole { role_name: "b".into(), role_set: vec!["a".into(), "press".into()] });
    let tracked = crate::sql::tracked(&metadata).await;
    let mut told = tracked.all_inconsistencies();
    told.sort();
    let disagree = |role: &str| {
        format!(
            "permission of role {role} on table public.magazine: the roles that it inherits from do not agree on what it may insert, so it may not"
        )
    };
    let circle = |role: &str| format!("inherited role {role}: it inherits from itself");
    assert_eq!(told, [circle("a"), circle("b"), disagree("house"), disagree("press")]);
    let schema = RoleSchema::build(&tracked, "press");
    assert!(
        schema.mutations.contains_key("delete_magazine") && !schema.mutations.contains_key("insert_magazine")
    );
    assert!(RoleSchema::build(&tracked, "a").queries.is_empty());
}
