//! What the messages of the contract are made of, read from its descriptors: enough to weigh a message before it is decoded.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// The whole contract, with what every process serves besides.
pub(super) static CONTRACT: LazyLock<Schema> = LazyLock::new(|| {
    Schema::of(&[
        sla_proto::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ])
});

/// A string or list without its content, bytes.
const HANDLE: usize = 24;
/// A number, its presence included.
const NUMBER: usize = 16;

/// The place of a shape in a [`Schema`].
pub(super) type ShapeId = usize;

/// How a field's value stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Varint,
    Fixed32,
    Fixed64,
    Bytes,
    Text,
    Message(ShapeId),
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
}

/// One message.
#[derive(Debug, Default)]
pub(super) struct Shape {
    fields: Vec<Field>,
    /// What one takes decoded without the content of its strings and lists, bytes; an upper bound.
    pub(super) inline: usize,
    /// Whether it can hold itself: such a field is a box of its own.
    pub(super) recursive: bool,
}

impl Shape {
    pub(super) fn field(&self, number: u32) -> Option<&Field> {
        self.fields.iter().find(|field| field.number == number)
    }
}

/// What an rpc reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input {
    pub(super) shape: ShapeId,
    pub(super) client_streaming: bool,
}

/// Shapes of messages, and what the rpcs read.
#[derive(Debug, Default)]
pub(super) struct Schema {
    shapes: Vec<Shape>,
    rpcs: HashMap<String, Input>,
}

impl Schema {
    fn of(sets: &[&[u8]]) -> Self {
        let files: Vec<_> = sets
            .iter()
            .flat_map(|set| FileDescriptorSet::decode(*set).unwrap_or_default().file)
            .collect();
        let mut messages = Vec::new();
        for file in &files {
            for message in &file.message_type {
                collect(&format!(".{}", file.package()), message, &mut messages);
            }
        }
        let ids: HashMap<&str, ShapeId> = messages
            .iter()
            .enumerate()
            .map(|(at, (name, _))| (name.as_str(), at))
            .collect();
        let mut shapes: Vec<Shape> = messages.iter().map(|(_, message)| shape(message, &ids)).collect();
        for at in 0..shapes.len() {
            shapes[at].recursive = holds(&shapes, at, at, &mut vec![false; shapes.len()]);
        }
        for (at, (_, message)) in messages.iter().enumerate() {
            shapes[at].inline = inline(&shapes, message, at);
        }
        let mut rpcs = HashMap::new();
        for file in &files {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    if let Some(&shape) = ids.get(method.input_type()) {
                        let client_streaming = method.client_streaming();
                        rpcs.insert(
                            path,
                            Input {
                                shape,
                                client_streaming,
                            },
                        );
                    }
                }
            }
        }
        Self { shapes, rpcs }
    }

    /// What the rpc at `path` reads; `None` for one that is not served.
    pub(super) fn input(&self, path: &str) -> Option<Input> {
        self.rpcs.get(path).copied()
    }

    pub(super) fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id]
    }
}

fn collect<'a>(within: &str, message: &'a DescriptorProto, into: &mut Vec<(String, &'a DescriptorProto)>) {
    let name = format!("{within}.{}", message.name());
    for nested in &message.nested_type {
        collect(&name, nested, into);
    }
    into.push((name, message));
}

fn shape(message: &DescriptorProto, ids: &HashMap<&str, ShapeId>) -> Shape {
    let field = |field: &FieldDescriptorProto| Field {
        number: field.number().unsigned_abs(),
        name: field.name().to_owned(),
        kind: kind(field, ids),
        repeated: field.label() == Label::Repeated,
    };
    Shape {
        fields: message.field.iter().map(field).collect(),
        ..Shape::default()
    }
}

fn kind(field: &FieldDescriptorProto, ids: &HashMap<&str, ShapeId>) -> Kind {
    match field.r#type() {
        Type::Double | Type::Fixed64 | Type::Sfixed64 => Kind::Fixed64,
        Type::Float | Type::Fixed32 | Type::Sfixed32 => Kind::Fixed32,
        Type::String => Kind::Text,
        Type::Message => ids.get(field.type_name()).map_or(Kind::Bytes, |&id| Kind::Message(id)),
        Type::Bytes | Type::Group => Kind::Bytes,
        _ => Kind::Varint,
    }
}

/// Whether a message of `from` can hold one of `wanted` without a list between.
fn holds(shapes: &[Shape], from: ShapeId, wanted: ShapeId, seen: &mut Vec<bool>) -> bool {
    if std::mem::replace(&mut seen[from], true) {
        return false;
    }
    shapes[from].fields.iter().any(|field| match field.kind {
        Kind::Message(held) if !field.repeated => held == wanted || holds(shapes, held, wanted, seen),
        _ => false,
    })
}

/// The inline size of a message: alternatives of a choice share their place.
fn inline(shapes: &[Shape], message: &DescriptorProto, at: ShapeId) -> usize {
    let mut sum = 8;
    let mut choices: HashMap<i32, usize> = HashMap::new();
    for (field, known) in message.field.iter().zip(&shapes[at].fields) {
        let bytes = match known.kind {
            _ if known.repeated => HANDLE,
            Kind::Bytes | Kind::Text => HANDLE + 8,
            Kind::Message(held) if shapes[held].recursive => 8,
            Kind::Message(held) => 8 + nested(shapes, held),
            _ => NUMBER,
        };
        match field.oneof_index {
            Some(choice) if !field.proto3_optional() => {
                let place = choices.entry(choice).or_default();
                *place = bytes.max(*place);
            }
            _ => sum += bytes,
        }
    }
    sum + choices.into_values().map(|bytes| bytes + 8).sum::<usize>()
}

/// The inline size of a message that holds itself nowhere; choices are counted as if all were there.
fn nested(shapes: &[Shape], at: ShapeId) -> usize {
    let bytes = shapes[at].fields.iter().map(|field| match field.kind {
        _ if field.repeated => HANDLE,
        Kind::Bytes | Kind::Text => HANDLE + 8,
        Kind::Message(held) if shapes[held].recursive => 8,
        Kind::Message(held) => 8 + nested(shapes, held),
        _ => NUMBER,
    });
    8 + bytes.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rpc_of_the_contract_is_known() {
        for rpc in sla_proto::peer::contract::rpcs() {
            let input = CONTRACT.input(&rpc.path).unwrap();
            assert_eq!(input.client_streaming, rpc.client_streaming, "{}", rpc.path);
        }
        for path in [
            "/grpc.health.v1.Health/Check",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ] {
            assert!(CONTRACT.input(path).is_some(), "{path}");
        }
        assert!(CONTRACT.input("/sla.set.v1.SetService/Nothing").is_none());
    }

    #[test]
    fn a_message_is_never_taken_for_smaller_than_it_is() {
        let inline = |path: &str, field: u32| {
            let shape = CONTRACT.shape(CONTRACT.input(path).unwrap().shape);
            match shape.field(field).unwrap().kind {
                Kind::Message(held) => CONTRACT.shape(held).inline,
                _ => 0,
            }
        };
        let set = inline("/sla.set.v1.SetService/CreateSet", 1);
        assert!(set >= size_of::<sla_proto::objective::v1::SlaSet>(), "{set}");
        let query = inline("/sla.etl.v1.SampleService/ReadSamples", 1);
        assert!(query >= size_of::<sla_proto::series::v1::Query>(), "{query}");
        let violation = inline("/sla.storage.v1.LedgerStoreService/PutViolations", 1);
        assert!(
            violation >= size_of::<sla_proto::violation::v1::Violation>(),
            "{violation}"
        );
        let run = inline("/sla.storage.v1.RunStoreService/CreateRun", 2);
        assert!(run >= size_of::<sla_proto::etl::v1::Run>(), "{run}");
    }
}
