//! Plans: one TOML file each, named after the plan.

use serde::Deserialize;

use crate::core::catalog::PAY_AS_YOU_GO;
use crate::wire::fault::{Faults, Place, SourceFile, line_and_character, quoted, text_of};

/// The form of a plan's file. Without rules of its own, a plan pays every class from credits (F6): that is Pay-As-You-Go.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    description: String,
}

/// Checks the file of the plan `name`. This release rates Pay-As-You-Go only; any other plan is refused rather than taken for
/// it.
///
/// # Errors
/// What is wrong with the file. A TOML reader stops at its first fault.
pub fn check_plan(file: SourceFile<'_>, name: &str) -> Result<(), Faults> {
    let mut faults = Faults::new();
    let Some(text) = text_of(file, &mut faults) else { return Err(faults) };
    match toml::from_str::<PlanFile>(text) {
        Ok(plan) if plan.description.trim().is_empty() => {
            faults.add(file.name, Place::line(1), "the description is empty");
        }
        Ok(_) if name != PAY_AS_YOU_GO => {
            let message = format!("plan {} is not supported by this release, only {PAY_AS_YOU_GO} is", quoted(name));
            faults.add(file.name, Place::line(1), message);
        }
        Ok(_) => return Ok(()),
        Err(error) => {
            let (line, column) = line_and_character(&text[..error.span().map_or(0, |span| span.start)]);
            faults.add(file.name, Place { line, column, column_name: "" }, error.message());
        }
    }
    Err(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plan_that_is_understood_is_taken() {
        let cases = [
            ("payg", "description = \"Pay-As-You-Go\"\n", ""),
            ("payg", "", "p.toml:1: column 1: the file is empty"),
            ("payg", "description = \" \"\n", "p.toml:1: column 1: the description is empty"),
            ("payg", "# x\n", "p.toml:1: column 1: missing field `description`"),
            (
                "payg",
                "description = \"x\"\nrules = 1\n",
                "p.toml:2: column 1: unknown field `rules`, expected `description`",
            ),
            (
                "domestic-us",
                "description = \"x\"\n",
                "p.toml:1: column 1: plan \"domestic-us\" is not supported by this release, only payg is",
            ),
        ];
        for (name, text, expected) in cases {
            let checked = check_plan(SourceFile { name: "p.toml", bytes: text.as_bytes() }, name);
            assert_eq!(checked.err().map_or(String::new(), |faults| faults.to_string()), expected, "{name} {text:?}");
        }
    }
}
