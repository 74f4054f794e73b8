//! What asks for something that `user` may not see: by a column, by a table, and by every door that leads there.

use super::world::{Read, Relationship, Table, World};

/// Requests, each of which must be refused.
pub(crate) fn requests(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for table in &world.tables {
        match &table.read {
            None => {
                all.extend(
                    ["", "_aggregate"].map(|field| format!("{{ {}{field} {{ __typename }} }}", table.name)),
                );
                all.push(format!(
                    "mutation {{ delete_{0}(where: {{}}) {{ returning {{ __typename }} }} }}",
                    table.name
                ));
            }
            Some(read) => {
                for (at, column) in table.columns.iter().enumerate() {
                    if !read.columns.contains(&at) {
                        all.extend(by_column(table, read, &column.name));
                        all.extend(by_relationship(world, table, at));
                    }
                }
            }
        }
    }
    for (table, to) in
        world.tables.iter().flat_map(|table| table.relationships.iter().map(move |to| (table, to)))
    {
        if table.read.is_some() && world.tables[to.target].read.is_none() {
            all.extend(by_hidden_table(table, to));
        }
    }
    all
}

/// Every place in which a list of rows names a column, and those of writes.
fn by_column(table: &Table, read: &Read, column: &str) -> Vec<String> {
    let name = &table.name;
    let list = [
        format!("where: {{{column}: {{_is_null: true}}}}"),
        format!("where: {{_not: {{_or: [{{{column}: {{_is_null: false}}}}]}}}}"),
        format!("order_by: {{{column}: asc}}"),
        format!("distinct_on: {column}"),
        format!("distinct_on: [{column}], order_by: [{{{column}: desc_nulls_last}}]"),
    ];
    let mut all: Vec<String> =
        list.iter().map(|arguments| format!("{{ {name}({arguments}) {{ __typename }} }}")).collect();
    all.push(format!("{{ {name} {{ {column} }} }}"));
    all.push(format!("{{ {name} {{ ... on {name} {{ x: {column} }} }} }}"));
    all.push(format!(
        "subscription {{ {name}_stream(batch_size: 1, cursor: {{initial_value: {{{column}: \"\"}}}}) {{ __typename }} }}"
    ));
    if read.aggregates {
        all.extend(
            list.iter()
                .map(|arguments| format!("{{ {name}_aggregate({arguments}) {{ aggregate {{ count }} }} }}")),
        );
        all.push(format!("{{ {name}_aggregate {{ aggregate {{ count(columns: [{column}]) }} }} }}"));
        all.push(format!("{{ {name}_aggregate {{ aggregate {{ max {{ {column} }} }} }} }}"));
        all.push(format!("{{ {name}_aggregate {{ nodes {{ {column} }} }} }}"));
    } else {
        all.push(format!("{{ {name}_aggregate {{ aggregate {{ count }} }} }}"));
    }
    for write in ["delete_", "update_"] {
        let set = if write == "update_" { ", _set: {}" } else { "" };
        all.push(format!(
            "mutation {{ {write}{name}(where: {{{column}: {{_is_null: true}}}}{set}) {{ affected_rows }} }}"
        ));
        all.push(format!("mutation {{ {write}{name}(where: {{}}{set}) {{ returning {{ {column} }} }} }}"));
    }
    all.push(format!("mutation {{ insert_{name}(objects: []) {{ returning {{ {column} }} }} }}"));
    all.push(format!(
        "mutation {{ insert_{name}(objects: [], on_conflict: {{constraint: {name}_pkey, update_columns: [], \
         where: {{{column}: {{_is_null: true}}}}}}) {{ affected_rows }} }}"
    ));
    all
}

/// The same column through relationships of other tables.
fn by_relationship(world: &World, table: &Table, at: usize) -> Vec<String> {
    let column = &table.columns[at].name;
    let mut all = Vec::new();
    for from in world.tables.iter().filter(|from| from.read.is_some()) {
        let leads = |to: &&Relationship| std::ptr::eq(&raw const world.tables[to.target], table);
        for to in from.relationships.iter().filter(leads) {
            let (name, to, many) = (&from.name, &to.name, to.many);
            all.push(format!("{{ {name} {{ {to} {{ {column} }} }} }}"));
            all.push(format!(
                "{{ {name}(where: {{{to}: {{{column}: {{_is_null: true}}}}}}) {{ __typename }} }}"
            ));
            if many {
                let order = format!("{{{to}_aggregate: {{max: {{{column}: asc}}}}}}");
                all.push(format!("{{ {name}(order_by: {order}) {{ __typename }} }}"));
                all.push(format!("{{ {name} {{ {to}(order_by: {{{column}: asc}}) {{ __typename }} }} }}"));
            } else {
                all.push(format!("{{ {name}(order_by: {{{to}: {{{column}: asc}}}}) {{ __typename }} }}"));
            }
        }
    }
    all
}

/// A table that cannot be read, through a relationship to it.
fn by_hidden_table(table: &Table, to: &Relationship) -> Vec<String> {
    let (name, to) = (&table.name, &to.name);
    vec![
        format!("{{ {name} {{ {to} {{ __typename }} }} }}"),
        format!("{{ {name} {{ {to}_aggregate {{ aggregate {{ count }} }} }} }}"),
        format!("{{ {name}(where: {{{to}: {{}}}}) {{ __typename }} }}"),
        format!("{{ {name}(where: {{_not: {{{to}: {{}}}}}}) {{ __typename }} }}"),
        format!("{{ {name}(order_by: {{{to}_aggregate: {{count: asc}}}}) {{ __typename }} }}"),
        format!(
            "{{ {name}(where: {{{to}_aggregate: {{count: {{predicate: {{_gt: 0}}}}}}}}) {{ __typename }} }}"
        ),
    ]
}
