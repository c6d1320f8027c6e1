//! Walks a message on the wire and says what it will take decoded, or what is wrong with it and where. Nothing is allocated on
//! the way, so a message can be refused for less than it costs.
//!
//! Source: Protocol Buffers, "Encoding"; it accepts what `prost` decodes, and nothing that nests deeper than [`MAX_DEPTH`].

use super::schema::{Field, Kind, Schema, ShapeId};

/// Messages within messages; the contract needs six.
const MAX_DEPTH: usize = 32;
/// What a piece of memory of its own costs besides its bytes.
const ALLOCATION: usize = 16;
/// A growing list holds up to twice its elements.
const GROWTH: usize = 2;
/// A string or list in a list.
const HANDLE: usize = 24;

/// What keeps a message from being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Names of fields, innermost first.
    path: Vec<String>,
    /// What it is.
    pub(super) kind: FlawKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlawKind {
    /// Not what the encoding allows; in words.
    Malformed(&'static str),
    /// More than may be decoded.
    TooLarge,
}

impl Flaw {
    fn new(kind: FlawKind) -> Self {
        Self { path: Vec::new(), kind }
    }

    /// `sets[2].objectives[17].name`; empty where the message itself is meant.
    pub(super) fn field(&self) -> String {
        self.path.iter().rev().map(String::as_str).collect::<Vec<_>>().join(".")
    }
}

fn malformed(words: &'static str) -> Flaw {
    Flaw::new(FlawKind::Malformed(words))
}

/// What the message takes decoded, bytes, an upper bound; or why it is not read, where `limit` bytes are too many.
pub(super) fn weigh(schema: &Schema, shape: ShapeId, message: &[u8], limit: usize) -> Result<usize, Flaw> {
    let mut scales = Scales {
        schema,
        sum: schema.shape(shape).inline,
        limit,
    };
    scales.message(shape, message, 0)?;
    Ok(scales.sum)
}

struct Scales<'a> {
    schema: &'a Schema,
    sum: usize,
    limit: usize,
}

impl Scales<'_> {
    fn add(&mut self, bytes: usize) -> Result<(), Flaw> {
        self.sum = self.sum.saturating_add(bytes);
        if self.sum > self.limit {
            return Err(Flaw::new(FlawKind::TooLarge));
        }
        Ok(())
    }

    fn message(&mut self, id: ShapeId, bytes: &[u8], depth: usize) -> Result<(), Flaw> {
        if depth > MAX_DEPTH {
            return Err(malformed("is nested deeper than 32 messages"));
        }
        let schema = self.schema;
        let mut rest = bytes;
        while !rest.is_empty() {
            let begun = bytes.len() - rest.len();
            let (number, wire) = key(&mut rest)?;
            let Some(field) = schema.shape(id).field(number) else {
                skip(wire, number, &mut rest)?;
                continue;
            };
            self.field(field, wire, &mut rest, depth).map_err(|mut flaw| {
                flaw.path.push(if field.repeated {
                    format!("{}[{}]", field.name, earlier(&bytes[..begun], number))
                } else {
                    field.name.clone()
                });
                flaw
            })?;
        }
        Ok(())
    }

    fn field(&mut self, field: &Field, wire: u8, rest: &mut &[u8], depth: usize) -> Result<(), Flaw> {
        match (field.kind, wire) {
            (Kind::Varint, 0) => {
                varint(rest)?;
                self.number(field)
            }
            (Kind::Fixed64, 1) => {
                take(rest, 8)?;
                self.number(field)
            }
            (Kind::Fixed32, 5) => {
                take(rest, 4)?;
                self.number(field)
            }
            (Kind::Varint | Kind::Fixed32 | Kind::Fixed64, 2) if field.repeated => {
                let packed = delimited(rest)?;
                self.packed(field.kind, packed)
            }
            (Kind::Bytes | Kind::Text, 2) => {
                let content = delimited(rest)?;
                if field.kind == Kind::Text && std::str::from_utf8(content).is_err() {
                    return Err(malformed("is not UTF-8"));
                }
                let own = if content.is_empty() {
                    0
                } else {
                    content.len() + ALLOCATION
                };
                self.add(own + if field.repeated { GROWTH * HANDLE } else { 0 })
            }
            (Kind::Message(held), 2) => {
                let content = delimited(rest)?;
                let shape = self.schema.shape(held);
                self.add(match (field.repeated, shape.recursive) {
                    (true, _) => GROWTH * shape.inline,
                    (false, true) => shape.inline + ALLOCATION,
                    (false, false) => 0,
                })?;
                self.message(held, content, depth + 1)
            }
            _ => Err(malformed("is of another type than the contract says")),
        }
    }

    fn number(&mut self, field: &Field) -> Result<(), Flaw> {
        self.add(if field.repeated { GROWTH * 8 } else { 0 })
    }

    fn packed(&mut self, kind: Kind, mut packed: &[u8]) -> Result<(), Flaw> {
        match kind {
            Kind::Fixed32 if !packed.len().is_multiple_of(4) => {
                return Err(malformed("ends in the middle of a number"));
            }
            Kind::Fixed64 if !packed.len().is_multiple_of(8) => {
                return Err(malformed("ends in the middle of a number"));
            }
            Kind::Fixed32 | Kind::Fixed64 => self.add(GROWTH * packed.len())?,
            _ => {
                while !packed.is_empty() {
                    varint(&mut packed)?;
                    self.add(GROWTH * 8)?;
                }
            }
        }
        Ok(())
    }
}

/// How many fields of this number stand before: the index of the next one.
fn earlier(mut bytes: &[u8], wanted: u32) -> usize {
    let mut count = 0;
    while let Ok((number, wire)) = key(&mut bytes) {
        count += usize::from(number == wanted);
        if skip(wire, number, &mut bytes).is_err() {
            break;
        }
    }
    count
}

fn key(rest: &mut &[u8]) -> Result<(u32, u8), Flaw> {
    let key = varint(rest)?;
    let key = u32::try_from(key).map_err(|_| malformed("has a field number that is too large"))?;
    match (key >> 3, key as u8 & 7) {
        (0, _) => Err(malformed("has a field number 0")),
        (_, 6 | 7) => Err(malformed("has a wire type that does not exist")),
        field => Ok(field),
    }
}

fn varint(rest: &mut &[u8]) -> Result<u64, Flaw> {
    let mut value = 0_u64;
    for at in 0..10 {
        let Some((&byte, after)) = rest.split_first() else {
            return Err(malformed("ends in the middle of a number"));
        };
        *rest = after;
        if at == 9 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(malformed("has a number of more than 64 bits"))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Flaw> {
    let (taken, after) = rest.split_at_checked(count).ok_or_else(|| malformed("is cut short"))?;
    *rest = after;
    Ok(taken)
}

fn delimited<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Flaw> {
    let length = varint(rest)?;
    take(rest, usize::try_from(length).map_err(|_| malformed("is cut short"))?)
}

/// Over a field that the contract does not have. Groups are walked without recursion.
fn skip(wire: u8, number: u32, rest: &mut &[u8]) -> Result<(), Flaw> {
    let mut groups = Vec::new();
    let (mut wire, mut number) = (wire, number);
    loop {
        match wire {
            0 => drop(varint(rest)?),
            1 => drop(take(rest, 8)?),
            2 => drop(delimited(rest)?),
            5 => drop(take(rest, 4)?),
            3 if groups.len() < MAX_DEPTH => groups.push(number),
            3 => return Err(malformed("is nested deeper than 32 messages")),
            _ => {
                if groups.pop() != Some(number) {
                    return Err(malformed("ends a group that was not begun"));
                }
            }
        }
        if groups.is_empty() {
            return Ok(());
        }
        (number, wire) = key(rest)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;
    use sla_proto::objective::v1::{AllowedRange, Objective, SlaSet};
    use sla_proto::series::v1::Query;
    use sla_proto::set::v1::CreateSetRequest;

    use super::super::schema::CONTRACT;
    use super::*;

    const PATH: &str = "/sla.set.v1.SetService/CreateSet";

    fn weighed(bytes: &[u8], limit: usize) -> Result<usize, Flaw> {
        weigh(&CONTRACT, CONTRACT.input(PATH).unwrap().shape, bytes, limit)
    }

    fn request(names: &[String]) -> CreateSetRequest {
        let objective = |name: &String| Objective {
            name: name.clone(),
            query: Some(Query {
                source: "home".to_owned(),
                ..Query::default()
            }),
            range: Some(AllowedRange {
                min: Some(0.5),
                ..AllowedRange::default()
            }),
            ..Objective::default()
        };
        CreateSetRequest {
            set: Some(SlaSet {
                name: "a".to_owned(),
                objectives: names.iter().map(objective).collect(),
                ..SlaSet::default()
            }),
        }
    }

    #[test]
    fn flaws_name_their_place() {
        let bytes = request(&["one".to_owned(), "two".to_owned()]).encode_to_vec();
        let at = bytes.windows(3).position(|part| part == b"two").unwrap();
        let mut broken = bytes.clone();
        broken[at] = 0xff;
        let flaw = weighed(&broken, usize::MAX).unwrap_err();
        assert_eq!(flaw.field(), "set.objectives[1].name");
        assert_eq!(flaw.kind, FlawKind::Malformed("is not UTF-8"));
        let flaw = weighed(&bytes[..bytes.len() - 1], usize::MAX).unwrap_err();
        assert_eq!(flaw.field(), "set");
        let flaw = weighed(&[0x0a, 0x02, 0x08], usize::MAX).unwrap_err();
        assert_eq!(flaw.kind, FlawKind::Malformed("is cut short"));
    }

    #[test]
    fn many_small_elements_weigh_what_they_take() {
        // 100,000 empty objectives.
        let set = [4 << 3 | 2, 0].repeat(100_000);
        let field = CONTRACT.shape(CONTRACT.input(PATH).unwrap().shape).field(1).unwrap();
        let Kind::Message(shape) = field.kind else { panic!() };
        let weight = weigh(&CONTRACT, shape, &set, usize::MAX).unwrap();
        let decoded = SlaSet::decode(&*set).unwrap();
        assert_eq!(decoded.objectives.len(), 100_000);
        assert!(
            weight >= decoded.objectives.capacity() * size_of::<Objective>(),
            "{weight}"
        );
        let refused = weigh(&CONTRACT, shape, &set, 1 << 20).unwrap_err();
        assert_eq!(refused.kind, FlawKind::TooLarge);
    }

    #[test]
    fn depth_has_an_end() {
        let mut nested = Vec::new();
        for _ in 0..40 {
            let mut outer = vec![0x0b];
            outer.extend(&nested);
            outer.push(0x0c);
            nested = outer;
        }
        // Field 1 of the request is a message; a group there is of another type. An unknown number is skipped.
        let unknown: Vec<u8> = nested
            .iter()
            .map(|byte| if *byte == 0x0b { 0x7b } else { 0x7c })
            .collect();
        let flaw = weighed(&unknown, usize::MAX).unwrap_err();
        assert_eq!(flaw.kind, FlawKind::Malformed("is nested deeper than 32 messages"));
        assert!(weighed(&[0x7b, 0x7c], usize::MAX).is_ok());
        assert!(weighed(&[0x7c], usize::MAX).is_err());
    }

    proptest! {
        #[test]
        fn what_is_weighed_is_what_prost_decodes(
            names in proptest::collection::vec(".{0,8}", 0..4), hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), cut in any::<Option<prop::sample::Index>>(),
        ) {
            let mut bytes = request(&names).encode_to_vec();
            for (at, byte) in hits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let (weighed, decoded) = (weighed(&bytes, usize::MAX), CreateSetRequest::decode(&*bytes));
            prop_assert_eq!(weighed.is_ok(), decoded.is_ok(), "{:?} {:?}", weighed, decoded);
        }

        #[test]
        fn noise_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(weighed(&bytes, usize::MAX).is_ok(), CreateSetRequest::decode(&*bytes).is_ok());
        }
    }
}
