//! A world on its stage: as tables and rows in PostgreSQL, as metadata, and with an engine over both.

use base::project::{GraphqlError, GraphqlRequest};
use base::session::Session;
use changes::Feed;
use db::Pool;
use futures::{Stream, StreamExt};
use graphql::metadata::Metadata;
use graphql::{Engine, EngineOptions};
use serde_json::{Map, Value, json};

use super::world::{Cell, ID, Relationship, Row, SESSION, Table, World};

pub(crate) struct Stage {
    engine: Engine,
    _feed: Feed,
    pool: Pool,
}

impl World {
    /// The statements that make the tables, empty them of what was there, and fill them.
    pub(crate) fn sql(&self) -> String {
        let mut statements = vec!["drop schema public cascade; create schema public".to_owned()];
        for table in &self.tables {
            if let Some(of) = table.view_of {
                let of = &self.tables[of].name;
                statements.push(format!("create view {} as select * from {of} where id % 2 = 1", table.name));
                continue;
            }
            let mut parts: Vec<String> = Vec::new();
            for column in &table.columns {
                let null = if column.nullable { "" } else { " not null" };
                parts.push(format!("{} {}{null}", column.name, column.ty.sql()));
            }
            parts.push("primary key (id)".to_owned());
            parts.push(format!("constraint {}_kind_key unique (id, kind)", table.name));
            for key in &table.foreign_keys {
                let own: Vec<&str> =
                    key.columns.iter().map(|column| table.columns[*column].name.as_str()).collect();
                let other = if own.len() == 1 { "id" } else { "id, kind" };
                let target = &self.tables[key.target].name;
                parts.push(format!("foreign key ({}) references {target} ({other})", own.join(", ")));
            }
            statements.push(format!("create table {} ({})", table.name, parts.join(", ")));
        }
        for (table, rows) in self.tables.iter().zip(&self.rows) {
            if table.view_of.is_some() {
                continue;
            }
            for row in rows {
                let values: Vec<String> = row.iter().map(Cell::sql).collect();
                statements.push(format!("insert into {} values ({})", table.name, values.join(", ")));
            }
        }
        statements.join(";\n") + ";\n"
    }

    /// The metadata of one database, as JSON.
    pub(crate) fn metadata(&self) -> Value {
        let tables = self.tables.iter().enumerate().map(|(number, table)| {
            let mut entry = json!({"table": {"schema": "public", "name": table.name}});
            for (kind, many) in [("object_relationships", false), ("array_relationships", true)] {
                let all = table.relationships.iter().filter(|to| to.many == many);
                entry[kind] = all.map(|to| self.relationship(number, to)).collect();
            }
            if let Some(read) = &table.read {
                let columns: Vec<&str> =
                    read.columns.iter().map(|column| table.columns[*column].name.as_str()).collect();
                let permission = json!({
                    "columns": columns,
                    "filter": read.filter.metadata(self, number),
                    "limit": read.limit,
                    "allow_aggregations": read.aggregates,
                });
                entry["select_permissions"] = json!([{"role": "user", "permission": permission}]);
            }
            self.write_permissions(number, &mut entry);
            entry
        });
        json!({"tables": tables.collect::<Vec<_>>()})
    }

    /// By the foreign key where there is one, or else by a mapping.
    fn relationship(&self, number: usize, to: &Relationship) -> Value {
        let name = |table: &Table, column: usize| table.columns[column].name.clone();
        let (own, other) = (&self.tables[number], &self.tables[to.target]);
        let own_columns: Vec<String> = to.join.iter().map(|(column, _)| name(own, *column)).collect();
        let columns: Vec<String> = to.join.iter().map(|(_, column)| name(other, *column)).collect();
        let target = json!({"schema": "public", "name": other.name});
        let using = if own.view_of.is_some() || other.view_of.is_some() {
            let mapping: Map<String, Value> =
                own_columns.into_iter().zip(columns.into_iter().map(Value::from)).collect();
            json!({"manual_configuration": {"remote_table": target, "column_mapping": mapping}})
        } else if to.many {
            json!({"foreign_key_constraint_on": {"table": target, "columns": columns}})
        } else {
            json!({"foreign_key_constraint_on": own_columns})
        };
        json!({"name": to.name, "using": using})
    }
}

/// The caller.
pub(crate) fn session(limited: bool) -> Session {
    if !limited {
        return Session::admin();
    }
    Session::new("user", SESSION.map(|(name, value)| (name.to_owned(), value.to_owned())), false)
}

impl Stage {
    pub(crate) async fn new(pool: &Pool, world: &World) -> Self {
        let sql = world.sql();
        let client = pool.client().await.expect("a connection");
        client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}\n{error:?}"));
        let metadata: Metadata = serde_json::from_value(world.metadata()).expect("metadata can be read");
        let started = Box::pin(Engine::start(pool.clone(), &metadata, EngineOptions::default())).await;
        let (engine, feed) = started.expect("the engine starts");
        assert_eq!(engine.inconsistencies(), Vec::<String>::new(), "{:#}", world.metadata());
        Self { engine, _feed: feed, pool: pool.clone() }
    }

    pub(crate) async fn run(
        &self,
        limited: bool,
        text: &str,
        variables: &Map<String, Value>,
    ) -> Result<Value, GraphqlError> {
        let request = GraphqlRequest::new(text, variables);
        let data = self.engine.execute(&session(limited), &request).await?;
        Ok(serde_json::from_slice(&data).expect("JSON"))
    }

    /// What a subscription says.
    pub(crate) fn follow(
        &self,
        limited: bool,
        text: &str,
        variables: &Map<String, Value>,
    ) -> impl Stream<Item = Result<Value, GraphqlError>> + Unpin + use<> {
        let said = self.engine.watch(&session(limited), GraphqlRequest::new(text, variables));
        said.map(|data| Ok(serde_json::from_slice(&data?).expect("JSON")))
    }

    /// The rows that there are, by table, ordered by their ids.
    pub(crate) async fn rows(&self, world: &World) -> Vec<Vec<Row>> {
        let mut all = Vec::new();
        for table in &world.tables {
            let columns: Vec<String> =
                table.columns.iter().map(|column| format!("to_json({})", column.name)).collect();
            let sql = format!(
                "select json_build_array({})::text from {} order by id",
                columns.join(", "),
                table.name
            );
            let rows = self.pool.query(&sql, &[]).await.expect("rows");
            let rows = rows.iter().map(|row| {
                let cells: Vec<Value> = serde_json::from_str(row.get(0)).expect("JSON");
                cells.into_iter().zip(&table.columns).map(|(cell, column)| column.ty.read(&cell)).collect()
            });
            all.push(rows.collect());
        }
        debug_assert!(all.iter().flatten().all(|row: &Row| row[ID] != Cell::Null));
        all
    }
}
