//! Records inside of records: as text where they are UTF-8, else as Base64.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::json::Object;
use super::value::Text;

/// How a field with a record is called: as text, and as Base64.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub(super) text: &'static str,
    pub(super) base64: &'static str,
}

pub(super) fn write_bytes(names: Names, bytes: &[u8], object: &mut Object<'_>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.text(names.text, text),
        Err(_) => object.text(names.base64, &STANDARD.encode(bytes)),
    }
}

/// One of both fields, not both; `None` where neither is there.
pub(super) fn read_bytes<'a>(
    names: Names,
    text: Option<Text<'a>>,
    base64: Option<Text<'a>>,
) -> Result<Option<Cow<'a, [u8]>>, String> {
    match (text, base64) {
        (Some(_), Some(_)) => Err(format!("{}: given besides {}", names.base64, names.text)),
        (Some(Text(Cow::Borrowed(text))), None) => Ok(Some(Cow::Borrowed(text.as_bytes()))),
        (Some(Text(Cow::Owned(text))), None) => Ok(Some(Cow::Owned(text.into_bytes()))),
        (None, Some(Text(base64))) => match STANDARD.decode(base64.as_bytes()) {
            Ok(bytes) => Ok(Some(Cow::Owned(bytes))),
            Err(fault) => Err(format!("{}: {fault}", names.base64)),
        },
        (None, None) => Ok(None),
    }
}
