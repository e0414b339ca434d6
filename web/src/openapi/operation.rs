//! One operation while it is being described.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

const JSON: &str = "application/json";
/// Where the document has the body that all failures have.
pub(super) const FAILURE: &str = "#/components/schemas/Failure";
const FORM: &str = "application/x-www-form-urlencoded";

/// What is known of an operation so far.
#[derive(Debug, Default)]
pub struct Operation {
    queries: Map<String, Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Answer>,
    refusals: BTreeSet<u16>,
    /// The ways to be let in; none is needed where there are none.
    security: Vec<Value>,
}

/// What stands under one status.
#[derive(Debug, Default)]
struct Answer {
    description: Option<String>,
    /// By media type.
    schemas: BTreeMap<&'static str, Vec<Value>>,
}

impl Operation {
    /// It reads the fields of `T` from the query.
    pub fn query<T: JsonSchema>(&mut self) {
        let mut schema = schema::<T>(SchemaSettings::draft2020_12());
        missing_is_not_null(&mut schema);
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let required = schema["required"].as_array().is_some_and(|required| required.contains(&json!(name)));
            let mut property = property.clone();
            let description = property.as_object_mut().and_then(|property| property.remove("description"));
            let mut parameter = json!({ "name": name, "in": "query" });
            parameter["description"] = description.unwrap_or_default();
            parameter["required"] = required.into();
            parameter["schema"] = property;
            self.queries.entry(name).or_insert(parameter);
        }
    }

    /// This field of the query must be there.
    pub fn need(&mut self, name: &str) {
        if let Some(parameter) = self.queries.get_mut(name) {
            parameter["required"] = true.into();
        }
    }

    /// It reads a `T` as JSON from the body. Where every field may be missing, the body may.
    pub fn body<T: JsonSchema>(&mut self) {
        let schema = schema::<T>(SchemaSettings::draft2020_12());
        let required = schema.get("required").is_some() || schema.get("type") != Some(&json!("object"));
        self.body = Some(json!({ "required": required, "content": { JSON: { "schema": schema } } }));
    }

    /// It reads the fields of `T` as a form from the body, which may be missing.
    pub fn form<T: JsonSchema>(&mut self) {
        let mut schema = schema::<T>(SchemaSettings::draft2020_12());
        missing_is_not_null(&mut schema);
        self.body = Some(json!({ "required": false, "content": { FORM: { "schema": schema } } }));
    }

    /// It answers with this status and a `T` as JSON.
    pub fn answer<T: JsonSchema>(&mut self, status: StatusCode) {
        let mut schema = schema::<T>(SchemaSettings::draft2020_12().for_serialize());
        missing_is_not_null(&mut schema);
        self.answer_as(status, JSON, schema);
    }

    /// It answers with this status and a body of this media type.
    pub fn answer_as(&mut self, status: StatusCode, media: &'static str, schema: Value) {
        let answer = self.answers.entry(status.as_u16()).or_default();
        if answer.description.is_none() {
            answer.description = schema["description"].as_str().map(str::to_owned);
        }
        let schemas = answer.schemas.entry(media).or_default();
        if !schemas.contains(&schema) {
            schemas.push(schema);
        }
    }

    /// It answers with this status and no body.
    pub fn answer_empty(&mut self, status: StatusCode) {
        self.answers.entry(status.as_u16()).or_default();
    }

    /// It may be refused with this status and the body that all failures have.
    pub fn refuse(&mut self, status: StatusCode) {
        self.refusals.insert(status.as_u16());
    }

    /// It needs an access token.
    pub fn need_token(&mut self) {
        self.security.push(json!({ "AccessToken": [] }));
        self.refuse(StatusCode::UNAUTHORIZED);
    }

    /// It takes an access token, and does something else without.
    pub fn offer_token(&mut self) {
        self.security.extend([json!({}), json!({ "AccessToken": [] })]);
    }

    /// The statuses of its refusals.
    pub(super) fn refusals(&self) -> impl Iterator<Item = u16> {
        self.refusals.iter().copied()
    }

    /// The object of the document; `path` names more parameters.
    pub(super) fn into_json(self, path: &str) -> Value {
        let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path = in_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
        let parameters: Vec<_> = in_path.chain(self.queries.into_values()).collect();
        let mut responses: Map<_, _> =
            self.answers.into_iter().map(|(status, answer)| (status.to_string(), answer.into_json(status))).collect();
        for status in self.refusals.into_iter().map(|status| status.to_string()) {
            match responses.get_mut(&status) {
                // An answer of its own under the same status: a page, or another shape of JSON, which counts.
                Some(answer) if answer["content"].get(JSON).is_none() => answer["content"][JSON] = json!({ "schema": { "$ref": FAILURE } }),
                Some(_) => {}
                None => drop(responses.insert(status.clone(), json!({ "$ref": format!("#/components/responses/{status}") }))),
            }
        }
        let mut operation = Map::new();
        if !parameters.is_empty() {
            operation.insert("parameters".to_owned(), parameters.into());
        }
        if let Some(body) = self.body {
            operation.insert("requestBody".to_owned(), body);
        }
        operation.insert("responses".to_owned(), responses.into());
        if !self.security.is_empty() {
            operation.insert("security".to_owned(), self.security.into());
        }
        operation.into()
    }
}

impl Answer {
    fn into_json(self, status: u16) -> Value {
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
        let content = self.schemas.into_iter().map(|(media, mut schemas)| {
            let schema = if schemas.len() == 1 { schemas.remove(0) } else { json!({ "anyOf": schemas }) };
            (media.to_owned(), json!({ "schema": schema }))
        });
        let content: Map<_, _> = content.collect();
        let mut answer = json!({ "description": self.description.as_deref().unwrap_or(reason) });
        if !content.is_empty() {
            answer["content"] = content.into();
        }
        answer
    }
}

/// The schema of a type, with those of its parts inside: many types have the same names.
pub(super) fn schema<T: JsonSchema>(settings: SchemaSettings) -> Value {
    let mut generator = settings.with(|settings| settings.inline_subschemas = true).into_generator();
    generator.subschema_for::<T>().to_value()
}

/// In queries and answers, what may be missing is never `null`.
fn missing_is_not_null(schema: &mut Value) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if !required.contains(&json!(name))
            && let Some([one, null]) = property["type"].as_array().map(Vec::as_slice)
            && null == "null"
        {
            property["type"] = one.clone();
        }
    }
    match schema {
        Value::Object(parts) => parts.values_mut().for_each(missing_is_not_null),
        Value::Array(parts) => parts.iter_mut().for_each(missing_is_not_null),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only describes")]
    struct Thing {
        /// What it is called.
        name: String,
        size: Option<i64>,
    }

    #[test]
    fn an_operation_says_what_it_reads_and_answers() {
        let mut operation = Operation::default();
        operation.query::<Thing>();
        operation.body::<Thing>();
        operation.answer::<Vec<String>>(StatusCode::OK);
        operation.answer::<Vec<i64>>(StatusCode::OK);
        operation.answer::<Vec<i64>>(StatusCode::OK);
        operation.answer_empty(StatusCode::NO_CONTENT);
        operation.offer_token();
        operation.refuse(StatusCode::UNAUTHORIZED);
        let told = operation.into_json("/things/{id}");
        let names: Vec<_> = told["parameters"].as_array().unwrap().iter().map(|one| [&one["name"], &one["in"], &one["required"]]).collect();
        assert_eq!(json!(names), json!([["id", "path", true], ["name", "query", true], ["size", "query", false]]));
        assert_eq!(told["parameters"][1]["description"], "What it is called.");
        // What is missing from a query is not there; in a body some clients send null.
        assert_eq!(told["parameters"][2]["schema"]["type"], "integer");
        let body = &told["requestBody"];
        assert_eq!(
            (&body["required"], &body["content"][JSON]["schema"]["properties"]["size"]["type"]),
            (&json!(true), &json!(["integer", "null"]))
        );
        assert_eq!(told["responses"]["200"]["content"][JSON]["schema"]["anyOf"].as_array().map(Vec::len), Some(2));
        assert_eq!(told["responses"]["204"], json!({ "description": "No Content" }));
        assert_eq!(told["responses"]["401"]["$ref"], "#/components/responses/401");
        assert_eq!(told["security"], json!([{}, { "AccessToken": [] }]));
    }
}
