//! Forms that are read on the way of a call: one look at each field, borrowed strings, and faults that name their field.

use std::fmt;

use serde::de::Error;

/// A struct of optional fields with a reader for the JSON object that holds them.
///
/// `null` equals absent, a field that is given twice is a fault, and every fault names its field. (`derive(Deserialize)`
/// takes as long, but cannot name the field.) Unknown fields are `ignored` or `refused`.
macro_rules! record {
    (
        $(#[$doc:meta])*
        $visibility:vis struct $name:ident<$life:lifetime>, unknown fields are $policy:ident:
        $($wire:literal => $field:ident: $value:ty,)*
    ) => {
        $(#[$doc])*
        $visibility struct $name<$life> {
            $($visibility $field: Option<$value>,)*
            borrowed: std::marker::PhantomData<&$life str>,
        }

        impl<$life> serde::Deserialize<$life> for $name<$life> {
            fn deserialize<D: serde::Deserializer<$life>>(deserializer: D) -> Result<Self, D::Error> {
                #[allow(non_camel_case_types)]
                enum Field {
                    $($field,)*
                    #[allow(dead_code)]
                    Unknown,
                }

                impl<'de> serde::Deserialize<'de> for Field {
                    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                        struct Names;
                        impl serde::de::Visitor<'_> for Names {
                            type Value = Field;

                            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                                f.write_str("the name of a field")
                            }

                            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Field, E> {
                                #[allow(non_upper_case_globals)]
                                mod tags {
                                    $(pub(super) const $field: u32 = $crate::wire::record::tag($wire);)*
                                }
                                match $crate::wire::record::tag(name) {
                                    $(tags::$field if name == $wire => Ok(Field::$field),)*
                                    _ => $crate::wire::record::unknown!($policy, name),
                                }
                            }
                        }
                        deserializer.deserialize_identifier(Names)
                    }
                }

                struct Fields<$life>(std::marker::PhantomData<&$life str>);
                impl<$life> serde::de::Visitor<$life> for Fields<$life> {
                    type Value = $name<$life>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<$life>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        $(let mut $field: Option<Option<$value>> = None;)*
                        while let Some(field) = map.next_key()? {
                            match field {
                                $(Field::$field => {
                                    if $field.is_some() {
                                        return Err($crate::wire::record::given_twice($wire));
                                    }
                                    match map.next_value() {
                                        Ok(value) => $field = Some(value),
                                        Err(fault) => return Err($crate::wire::record::in_field($wire, fault)),
                                    }
                                })*
                                Field::Unknown => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok($name { $($field: $field.flatten(),)* borrowed: std::marker::PhantomData })
                    }
                }
                deserializer.deserialize_map(Fields(std::marker::PhantomData))
            }
        }
    };
}
pub(super) use record;

/// What [`record!`] does with the name of a field that it does not know.
macro_rules! unknown {
    (ignored, $name:ident) => {
        Ok(Field::Unknown)
    };
    (refused, $name:ident) => {
        Err(E::custom(format_args!("{}: unknown field", $name)))
    };
}
pub(super) use unknown;

/// Tells the names of a record apart by one number, nearly always: a jump instead of a comparison with each name.
pub(super) const fn tag(name: &str) -> u32 {
    let bytes = name.as_bytes();
    let len = bytes.len();
    if len == 0 { 0 } else { u32::from_le_bytes([bytes[0], bytes[len / 3], bytes[len / 2], bytes[len - 1]]) }
}

#[cold]
pub(super) fn given_twice<E: Error>(field: &str) -> E {
    E::custom(format_args!("{field}: given twice"))
}

#[cold]
pub(super) fn in_field<E: Error + fmt::Display>(field: &str, fault: E) -> E {
    E::custom(format_args!("{field}: {fault}"))
}
