//! The files of CDRs, read one after another, with their progress.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::is_stdin;
use crate::offline::{Lines, OfflineFailure};

/// Records between two looks at the bar.
const BAR_RECORDS: u64 = 1_000;

/// All files, and the bar that counts their bytes.
pub(super) struct Files {
    paths: Vec<PathBuf>,
    bar: ProgressBar,
    bytes_before: u64,
}

impl Files {
    /// Looks for all of them before the first is read.
    pub(super) fn find(paths: &[PathBuf]) -> anyhow::Result<Files> {
        let mut bytes = Some(0);
        for path in paths {
            if is_stdin(path) {
                bytes = None;
                continue;
            }
            let found = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
            bytes = bytes.filter(|_| found.is_file()).map(|bytes| bytes + found.len());
        }
        // The bar is drawn on standard error, if that is a terminal.
        let (bar, template) = match bytes {
            Some(bytes) => (ProgressBar::new(bytes), "{bar:40} {bytes} of {total_bytes}, {elapsed}, {eta} to go"),
            None => (ProgressBar::new_spinner(), "{spinner} {bytes}, {elapsed}"),
        };
        bar.set_style(ProgressStyle::with_template(template).context("the template of the bar")?);
        Ok(Files { paths: paths.to_vec(), bar, bytes_before: 0 })
    }

    /// Gives every record of every file to `take`, in order.
    pub(super) fn each_record(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), OfflineFailure>,
    ) -> anyhow::Result<()> {
        for path in &self.paths {
            let named = || path.display().to_string();
            let mut lines = Lines::new(open(path)?);
            let mut records = 0_u64;
            while let Some(record) = lines.next_record().with_context(named)? {
                take(record)?;
                records += 1;
                if records.is_multiple_of(BAR_RECORDS) {
                    self.bar.set_position(self.bytes_before + lines.bytes());
                }
            }
            self.bytes_before += lines.bytes();
            self.bar.set_position(self.bytes_before);
        }
        Ok(())
    }

    /// Reads every file once before, for what has to be known of all of them: the latest of what `look` finds in each.
    pub(super) fn read_first(
        &mut self,
        look: impl Fn(&mut Lines<Box<dyn Read>>) -> Result<Option<Timestamp>, OfflineFailure>,
    ) -> anyhow::Result<Option<Timestamp>> {
        let mut latest = None;
        for path in &self.paths {
            let found = look(&mut Lines::new(open(path)?)).with_context(|| path.display().to_string())?;
            latest = latest.max(found);
        }
        Ok(latest)
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Opens a file, or standard input for `-`.
pub(in crate::cli) fn open(path: &PathBuf) -> anyhow::Result<Box<dyn Read>> {
    if is_stdin(path) {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(File::open(path).with_context(|| format!("cannot read {}", path.display()))?))
}
