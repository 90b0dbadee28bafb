//! Which decoder reads which file.

use std::path::Path;
use std::sync::Arc;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::files::Source;
use super::{RateArgs, is_stdin};
use crate::wire::foreign::{Decoder, Format, MAPPING_BYTES_MAX};

/// Reads the code of a format; `jsonl` is the native form, too.
pub(super) fn format() -> impl TypedValueParser<Value = Format> {
    let values = Format::ALL.map(|format| match format {
        Format::Json => PossibleValue::new(format.code()).alias("jsonl"),
        _ => PossibleValue::new(format.code()),
    });
    PossibleValuesParser::new(values).map(|code| code.parse().unwrap_or(Format::Json))
}

/// Each file and its decoder.
///
/// # Errors
/// What is wrong with the flags, or with the mapping.
pub(super) fn of_files(args: &RateArgs) -> Result<Vec<Source>, String> {
    if let Some(format) = args.input_format {
        let decoder = Arc::new(decoder(format, args.mapping.as_deref())?);
        return Ok(args.files.iter().map(|file| (file.clone(), Arc::clone(&decoder))).collect());
    }
    let [json, table] = [Format::Json, Format::Csv].map(|format| decoder(format, None).map(Arc::new));
    let of_file = |file: &Path| match native_format(file) {
        Some(Format::Csv) => table.clone(),
        Some(_) => json.clone(),
        None => Err(format!(
            "{}: its extension (not .jsonl, .ndjson, .json or .csv) does not tell; give --input-format",
            file.display()
        )),
    };
    args.files.iter().map(|file| Ok((file.clone(), of_file(file)?))).collect()
}

/// The native form that an extension tells.
fn native_format(file: &Path) -> Option<Format> {
    if is_stdin(file) {
        return Some(Format::Json);
    }
    match file.extension()?.to_str()? {
        "jsonl" | "ndjson" | "json" => Some(Format::Json),
        "csv" => Some(Format::Csv),
        _ => None,
    }
}

fn decoder(format: Format, mapping: Option<&Path>) -> Result<Decoder, String> {
    let Some(path) = mapping else {
        return Decoder::new(format, None).map_err(|faults| format!("--{faults}"));
    };
    let named = |problem: &dyn std::fmt::Display| format!("{}: {problem}", path.display());
    let size = std::fs::metadata(path).map_err(|fault| named(&fault))?.len();
    if size > u64::try_from(MAPPING_BYTES_MAX).unwrap_or(u64::MAX) {
        return Err(named(&format_args!("larger than {MAPPING_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|fault| named(&fault))?;
    Decoder::new(format, Some(&text)).map_err(|faults| named(&format_args!("the mapping has faults:\n{faults}")))
}
