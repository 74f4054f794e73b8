//! A project in memory: it validates every document against the schema that the caller's role sees, and
//! applies the permissions that the project's metadata has for `storage.files`.

use std::sync::{Arc, Mutex};

use apollo_compiler::ast::OperationType;
use apollo_compiler::executable::Field;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::{ExecutableDocument, Schema};
use base::project::{GraphqlError, GraphqlRequest, Project};
use base::session::Session;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde_json::{Map, Value, json};

use super::schema;

const CREATED: &str = "2023-11-14T22:13:20.5+00:00";

/// Rows in memory. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct MemoryProject(Arc<Mutex<Rows>>);

#[derive(Default)]
struct Rows {
    files: Vec<Map<String, Value>>,
    /// The root field that fails as if the database were away.
    failing: Option<&'static str>,
}

impl MemoryProject {
    /// Makes every use of the root field `field` fail.
    pub(crate) fn fail(&self, field: &'static str) {
        self.0.lock().unwrap().failing = Some(field);
    }

    /// The rows of `storage.files`.
    pub(crate) fn files(&self) -> Vec<Map<String, Value>> {
        self.0.lock().unwrap().files.clone()
    }

    /// Changes columns of every file.
    pub(crate) fn set(&self, column: &str, value: &Value) {
        for file in &mut self.0.lock().unwrap().files {
            file.insert(column.to_owned(), value.clone());
        }
    }
}

impl Project for MemoryProject {
    fn execute<'a>(
        &'a self,
        session: &'a Session,
        request: GraphqlRequest,
    ) -> BoxFuture<'a, Result<Bytes, GraphqlError>> {
        let answer = self.run(session, &request);
        Box::pin(async move { answer.map(|data| Bytes::from(data.to_string())) })
    }

    fn watch(&self, _: &Session, _: GraphqlRequest) -> BoxStream<'static, Result<Bytes, GraphqlError>> {
        Box::pin(futures::stream::empty())
    }
}

impl MemoryProject {
    fn run(&self, session: &Session, request: &GraphqlRequest) -> Result<Value, GraphqlError> {
        let invalid = |message: String| GraphqlError::new("validation-failed", "$.selectionSet", message);
        let schema = Schema::parse_and_validate(schema::of_role(session.role()), "schema.graphql").unwrap();
        let document = ExecutableDocument::parse_and_validate(&schema, &*request.query, "request.graphql")
            .map_err(|error| invalid(error.errors.to_string()))?;
        let operation =
            document.operations.get(None).map_err(|error| invalid(error.message().to_string()))?;
        let variables = serde_json::from_value(Value::Object(request.variables.clone())).unwrap();
        coerce_variable_values(&schema, operation, &variables)
            .map_err(|error| invalid(error.message().to_string()))?;
        let field = operation.root_fields(&document).next().unwrap();
        if field.name == "__typename" {
            return Ok(json!({ field.response_key().as_str(): operation.object_type() }));
        }
        let mut rows = self.0.lock().unwrap();
        if rows.failing == Some(field.name.as_str()) {
            return Err(GraphqlError::new("unavailable", "$", "the database is away"));
        }
        assert_eq!(operation.operation_type == OperationType::Mutation, field.name.ends_with("File"));
        let row = rows.resolve(session, field.name.as_str(), &request.variables)?;
        Ok(json!({ field.response_key().as_str(): select(field, row) }))
    }
}

impl Rows {
    fn resolve(
        &mut self,
        session: &Session,
        field: &str,
        variables: &Map<String, Value>,
    ) -> Result<Value, GraphqlError> {
        let id = variables.get("id").cloned().unwrap_or_default();
        Ok(match field {
            "bucket" => buckets().into_iter().find(|bucket| bucket["id"] == id).unwrap_or_default(),
            "buckets" => Value::Array(buckets()),
            "file" => {
                self.visible(session, &id).map(|at| Value::Object(self.files[at].clone())).unwrap_or_default()
            }
            "files" => {
                let unfinished = self.files.iter().filter(|file| file["isUploaded"] == false);
                let before = variables["before"].as_str().unwrap_or_default();
                unfinished.filter(|file| file["updatedAt"].as_str() < Some(before)).cloned().collect()
            }
            "insertFile" => self.insert(session, variables["object"].as_object().unwrap())?,
            "updateFile" => match self.visible(session, &id) {
                Some(at) => {
                    self.files[at].extend(variables["set"].as_object().unwrap().clone());
                    Value::Object(self.files[at].clone())
                }
                None => Value::Null,
            },
            "deleteFile" => {
                self.visible(session, &id).map(|at| Value::Object(self.files.remove(at))).unwrap_or_default()
            }
            other => unreachable!("{other}"),
        })
    }

    fn visible(&self, session: &Session, id: &Value) -> Option<usize> {
        let mine = |file: &Map<String, Value>| {
            session.role() != "user"
                || file["uploadedByUserId"].as_str() == session.variable("x-hasura-user-id")
        };
        self.files.iter().position(|file| file["id"] == *id && mine(file))
    }

    fn insert(&mut self, session: &Session, object: &Map<String, Value>) -> Result<Value, GraphqlError> {
        let violated =
            |message: &str| GraphqlError::new("constraint-violation", "$.selectionSet.insertFile", message);
        if object["bucketId"] == "private" && session.role() == "user" {
            let message = "check constraint of an insert/update permission has failed";
            return Err(GraphqlError::new("permission-error", "$.selectionSet.insertFile", message));
        }
        if self.files.iter().any(|file| file["id"] == object["id"]) {
            return Err(violated(
                "Uniqueness violation. duplicate key value violates unique constraint \"files_pkey\"",
            ));
        }
        let mut row = json!({
            "createdAt": CREATED, "updatedAt": CREATED, "etag": null, "isUploaded": false, "metadata": null,
            "uploadedByUserId": session.variable("x-hasura-user-id"),
        });
        let row = row.as_object_mut().unwrap();
        row.extend(object.clone());
        self.files.push(row.clone());
        Ok(Value::Object(row.clone()))
    }
}

fn buckets() -> Vec<Value> {
    vec![
        json!({ "id": "private", "minUploadFileSize": 1, "maxUploadFileSize": 50_000_000, "cacheControl": "no-store" }),
        json!({ "id": "default", "minUploadFileSize": 1, "maxUploadFileSize": 20_000_000, "cacheControl": "max-age=3600" }),
        json!({ "id": "small", "minUploadFileSize": 4, "maxUploadFileSize": 10, "cacheControl": null }),
    ]
}

/// The fields that the document asks for, of one row or of each.
fn select(field: &Field, value: Value) -> Value {
    match value {
        Value::Array(rows) => rows.into_iter().map(|row| select(field, row)).collect(),
        Value::Object(row) => {
            let asked = field.selection_set.fields();
            let chosen = asked.map(|asked| {
                let column = row.get(asked.name.as_str()).cloned().unwrap_or_default();
                (asked.response_key().to_string(), column)
            });
            Value::Object(chosen.collect())
        }
        other => other,
    }
}
