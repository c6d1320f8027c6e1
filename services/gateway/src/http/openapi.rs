//! The OpenAPI 3.1 document, made from the table of routes, the contract with its comments, and the schemas of the views.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{DescriptorPool, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};
use sla_runtime::refusal::{PROBLEM_JSON, Refusal};
use sla_views::{VIEWED, schemas};

use super::routes::{ROUTES, Route};
use super::shape::{DURATION, QUERY, TIMESTAMP, is_milliseconds, key, words};

const WITHIN: &str = "/components/schemas";

/// The document; `None` only if the contract's descriptors were broken.
pub fn document() -> Option<Json> {
    let pool = DescriptorPool::decode(sla_proto::DESCRIPTORS).ok()?;
    let mut writer = Writer::new(&pool);
    let mut paths: BTreeMap<String, Map<String, Json>> = BTreeMap::new();
    let mut templates = Templates::default();
    for route in ROUTES {
        let (service, method) = route.rpc.split_once('/')?;
        let method = pool
            .get_service_by_name(service)?
            .methods()
            .find(|one| one.name() == method)?;
        let (input, output) = (method.input(), method.output());
        let comment = writer.comments.of(method.parent_file().name(), method.path());
        let answer = writer.reference(&output);
        let (path, names) = templates.of(route);
        let mut operation = json!({
            "operationId": method.name(),
            "summary": first_sentence(&comment),
            "description": comment,
            "tags": [route.path.split('/').nth(2).unwrap_or_default()],
            "parameters": writer.parameters(route, &input, &names),
            "responses": {
                "200": { "description": "The answer.", "content": { "application/json": { "schema": answer } } },
                "default": {
                    "description": "A refusal, RFC 9457.",
                    "content": { PROBLEM_JSON: { "schema": { "$ref": format!("#{WITHIN}/Problem") } } },
                },
            },
        });
        if route.verb.has_body() {
            let schema = writer.request(route, &input);
            operation["requestBody"] =
                json!({ "required": false, "content": { "application/json": { "schema": schema } } });
        }
        let verb = route.verb.method().as_str().to_lowercase();
        paths.entry(path).or_default().insert(verb, operation);
    }
    Some(json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "SLA Console",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the console shows, as JSON: the services of `sla` through its gateway. Times are RFC 3339 UTC, spans \
                            are seconds; what is unknown is null.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": writer.finish() },
    }))
}

/// Paths as the page has them: names are plain words, and paths that differ in the names of their fields alone are one path
/// there (OpenAPI 3.1, 4.8.8), so those of the first one stand for all.
#[derive(Default)]
struct Templates(BTreeMap<String, Vec<String>>);

impl Templates {
    /// The path of a route, and the names of the fields in it.
    fn of(&mut self, route: &Route) -> (String, Vec<String>) {
        let is_field = |word: &&str| word.starts_with('{');
        let words: Vec<&str> = route.path.split('/').collect();
        let shape: Vec<&str> = words
            .iter()
            .map(|word| if is_field(word) { "{}" } else { *word })
            .collect();
        let own = || {
            let plain = |field: &str| field.rsplit('.').next().unwrap_or(field).to_owned();
            route.path_fields().map(plain).collect()
        };
        let names = self.0.entry(shape.join("/")).or_insert_with(own).clone();
        let mut next = names.iter();
        let path: Vec<String> = words
            .iter()
            .map(|word| {
                let name = if is_field(word) { next.next() } else { None };
                name.map_or_else(|| (*word).to_owned(), |name| format!("{{{name}}}"))
            })
            .collect();
        (path.join("/"), names)
    }
}

fn first_sentence(text: &str) -> &str {
    text.split_inclusive(". ")
        .next()
        .unwrap_or_default()
        .trim()
        .trim_end_matches('.')
}

/// The comments of the contract, by file and path.
struct Comments(BTreeMap<(String, Vec<i32>), String>);

impl Comments {
    fn read(pool: &DescriptorPool) -> Self {
        let of = |file: FileDescriptor| {
            let info = file
                .file_descriptor_proto()
                .source_code_info
                .clone()
                .unwrap_or_default();
            info.location.into_iter().filter_map(move |location| {
                let words = location.leading_comments?;
                let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                Some(((file.name().to_owned(), location.path), words))
            })
        };
        Self(pool.files().flat_map(of).collect())
    }

    fn of(&self, file: &str, path: &[i32]) -> String {
        self.0
            .get(&(file.to_owned(), path.to_vec()))
            .cloned()
            .unwrap_or_default()
    }
}

struct Writer {
    comments: Comments,
    views: Map<String, Json>,
    messages: Map<String, Json>,
    begun: BTreeSet<String>,
}

impl Writer {
    fn new(pool: &DescriptorPool) -> Self {
        let mut views = schemas(WITHIN);
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = WITHIN.into());
        let mut generator = settings.into_generator();
        generator.subschema_for::<Refusal>();
        views.extend(generator.take_definitions(true));
        Self {
            comments: Comments::read(pool),
            views,
            messages: Map::new(),
            begun: BTreeSet::new(),
        }
    }

    fn finish(self) -> Json {
        let mut all = self.views;
        all.extend(self.messages);
        Json::Object(all)
    }

    /// A reference to the schema of a message, which is written when it is first asked for.
    fn reference(&mut self, of: &MessageDescriptor) -> Json {
        match of.full_name() {
            TIMESTAMP => return json!({ "type": "string", "format": "date-time" }),
            DURATION => return json!({ "type": "number", "format": "seconds" }),
            _ => {}
        }
        let viewed = VIEWED.iter().find(|(message, _)| *message == of.full_name());
        let name = match viewed {
            Some((_, view)) => view,
            // A view and a message that share a name are two shapes.
            None if self.views.contains_key(of.name()) => of.full_name(),
            None => of.name(),
        };
        let name = name.to_owned();
        if viewed.is_none() && self.begun.insert(name.clone()) {
            let schema = self.object(of, &[]);
            self.messages.insert(name.clone(), schema);
        }
        json!({ "$ref": format!("#{WITHIN}/{name}") })
    }

    /// The schema of a message as an answer has it: all fields are there.
    fn object(&mut self, of: &MessageDescriptor, left_out: &[&str]) -> Json {
        let mut properties = Map::new();
        for field in of.fields().filter(|field| !left_out.contains(&field.name())) {
            properties.insert(key(&field), self.field(&field, true));
        }
        let required: Vec<&String> = properties.keys().collect();
        json!({
            "type": "object",
            "description": self.comments.of(of.parent_file().name(), of.path()),
            "required": required,
            "additionalProperties": false,
            "properties": properties,
        })
    }

    /// The schema of a request's body: what stands in the path may be left out, like all else, and null says the same.
    fn request(&mut self, route: &Route, of: &MessageDescriptor) -> Json {
        let in_path: Vec<&str> = route.path_fields().filter(|field| !field.contains('.')).collect();
        let mut schema = self.object(of, &in_path);
        if let Some(object) = schema.as_object_mut() {
            object.remove("required");
            let fields = object.get_mut("properties").and_then(Json::as_object_mut);
            for field in fields.into_iter().flat_map(Map::values_mut) {
                *field = or_null(field.take());
            }
        }
        schema
    }

    /// `names` are those of the fields in the path, in their order.
    fn parameters(&mut self, route: &Route, of: &MessageDescriptor, names: &[String]) -> Json {
        let mut list = Vec::new();
        let in_path: Vec<&str> = route.path_fields().collect();
        for name in names {
            list.push(
                json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }),
            );
        }
        if !route.verb.has_body() {
            for field in of.fields().filter(|field| !in_path.contains(&field.name())) {
                let mut schema = self.field(&field, false);
                if schema["format"] == "date-time" {
                    // A text in a query may also be Unix seconds.
                    schema["type"] = json!(["string", "number"]);
                }
                let description = schema.as_object_mut().and_then(|object| object.remove("description"));
                let mut parameter = json!({ "name": key(&field), "in": "query", "schema": schema });
                if let Some(description) = description {
                    parameter["description"] = description;
                }
                list.push(parameter);
            }
        }
        Json::from(list)
    }

    /// `nullable`: null stands for what is not set.
    fn field(&mut self, field: &FieldDescriptor, nullable: bool) -> Json {
        let mut one = self.kind(field);
        if field.is_list() {
            one = json!({ "type": "array", "items": one });
        } else if nullable && (field.supports_presence() || may_be_nothing(field)) {
            one = or_null(one);
        }
        let comment = self
            .comments
            .of(field.parent_message().parent_file().name(), field.path());
        if !comment.is_empty() {
            one["description"] = Json::from(comment);
        }
        one
    }

    fn kind(&mut self, field: &FieldDescriptor) -> Json {
        if is_milliseconds(field) {
            return json!({ "type": "number", "format": "seconds" });
        }
        match field.kind() {
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::Double | Kind::Float => json!({ "type": "number" }),
            Kind::Uint32 => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
            Kind::Uint64 => json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "pattern": "^([0-9a-f]{2})*$" }),
            Kind::Enum(of) => {
                let words: Vec<String> = words(&of).into_iter().map(|(word, _)| word).collect();
                json!({ "type": "string", "enum": words })
            }
            Kind::Message(of) if of.full_name() == QUERY => {
                let object = self.reference(&of);
                json!({ "anyOf": [{ "type": "string" }, object] })
            }
            Kind::Message(of) => self.reference(&of),
            _ => json!({ "type": "integer" }),
        }
    }
}

/// Enumerations say nothing by their zero, numbers by NaN.
fn may_be_nothing(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Enum(_) | Kind::Double)
}

/// The same, or null; once.
fn or_null(mut schema: Json) -> Json {
    let null = json!("null");
    let of_null = json!({ "type": "null" });
    if let Some(words) = schema.get_mut("enum").and_then(Json::as_array_mut)
        && !words.contains(&Json::Null)
    {
        words.push(Json::Null);
    }
    match schema.get("type").cloned() {
        Some(Json::Array(kinds)) if kinds.contains(&null) => {}
        Some(kind) => schema["type"] = json!([kind, "null"]),
        None => match schema.get_mut("anyOf").and_then(Json::as_array_mut) {
            Some(any) if any.contains(&of_null) => {}
            Some(any) => any.push(of_null),
            None => schema = json!({ "anyOf": [schema, of_null] }),
        },
    }
    schema
}
