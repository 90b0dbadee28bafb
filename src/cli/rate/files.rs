//! The files of CDRs, read one after another, with their progress.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::is_stdin;
use crate::offline::{Offered, OfflineFailure, Records, SkipCounts};
use crate::wire::foreign::Decoder;

/// Records between two looks at the bar.
const BAR_RECORDS: u64 = 1_000;

/// A file, and what reads it.
pub(super) type Source = (PathBuf, Arc<Decoder>);

/// All files, and the bar that counts their bytes.
pub(super) struct Files {
    sources: Vec<Source>,
    skipped: SkipCounts,
    bar: ProgressBar,
    bytes_before: u64,
}

impl Files {
    /// Looks for all of them before the first is read.
    pub(super) fn find(sources: Vec<Source>) -> anyhow::Result<Files> {
        let mut bytes = Some(0);
        for (path, _) in &sources {
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
        Ok(Files { sources, skipped: SkipCounts::default(), bar, bytes_before: 0 })
    }

    /// Gives every record of every file to `take`, in order; what is skipped is counted here.
    pub(super) fn each_record(
        &mut self,
        mut take: impl FnMut(Offered<'_>) -> Result<(), OfflineFailure>,
    ) -> anyhow::Result<()> {
        for (path, decoder) in &self.sources {
            let mut records = Records::new(open(path)?, decoder);
            let mut read = 0_u64;
            let mut count = |offered: Offered<'_>| match offered {
                Offered::Skipped(skip) => {
                    self.skipped.add(skip);
                    Ok(())
                }
                offered => take(offered),
            };
            while records.next(&mut count).with_context(|| path.display().to_string())? {
                read += 1;
                if read.is_multiple_of(BAR_RECORDS) {
                    self.bar.set_position(self.bytes_before + records.bytes());
                }
            }
            self.bytes_before += records.bytes();
            self.bar.set_position(self.bytes_before);
        }
        Ok(())
    }

    /// Reads every file once before, for what has to be known of all of them: the latest of what `look` finds in each.
    pub(super) fn read_first(
        &mut self,
        look: impl Fn(&mut Records<'_, Box<dyn Read>>) -> Result<Option<Timestamp>, OfflineFailure>,
    ) -> anyhow::Result<Option<Timestamp>> {
        let mut latest = None;
        for (path, decoder) in &self.sources {
            let found = look(&mut Records::new(open(path)?, decoder)).with_context(|| path.display().to_string())?;
            latest = latest.max(found);
        }
        Ok(latest)
    }

    /// What was skipped so far.
    pub(super) fn skipped(&self) -> SkipCounts {
        self.skipped
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Opens a file, or standard input for `-`.
pub(in crate::cli) fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    if is_stdin(path) {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(File::open(path).with_context(|| format!("cannot read {}", path.display()))?))
}
