//! The JSON Schemas (draft 2020-12) of all forms, as they are in `schemas/`.
//!
//! They describe the whole contract, with the types and fields that a release may not write or act on yet.

/// A schema and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// What the form is called.
    pub name: &'static str,
    /// The schema, as JSON.
    pub text: &'static str,
}

/// All schemas.
pub const SCHEMAS: [Schema; 7] = [
    Schema { name: "cdr", text: include_str!("schemas/cdr.json") },
    Schema { name: "command", text: include_str!("schemas/command.json") },
    Schema { name: "event", text: include_str!("schemas/event.json") },
    Schema { name: "alert", text: include_str!("schemas/alert.json") },
    Schema { name: "envelope", text: include_str!("schemas/envelope.json") },
    Schema { name: "quarantine", text: include_str!("schemas/quarantine.json") },
    Schema { name: "catalog", text: include_str!("schemas/catalog.json") },
];

/// The schema of that name.
pub fn schema(name: &str) -> Option<Schema> {
    SCHEMAS.into_iter().find(|schema| schema.name == name)
}

#[cfg(test)]
mod tests;
