//! Samples of a CSV file that the command line names.

use std::path::Path;

use clap::Args;
use color_eyre::eyre::Report;
use sla_domain::Samples;
use sla_source::csv_file::{Columns, Read, parse};

use super::away;
use super::samples::read_text;
use crate::output;

/// Which columns of a CSV file are read. The first one is the time.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct CsvColumns {
    /// Column of the values in a file with several: its head or its number, the time being 1.
    #[arg(long, value_name = "NAME|NUMBER", requires = "csv")]
    value_column: Option<String>,
    /// Only the lines where a column holds a value, for a file with several series below each other.
    #[arg(long, value_name = "NAME=VALUE", requires = "csv")]
    label_column: Option<String>,
}

/// Reads a file and says on stderr what it left out.
pub(crate) fn read(path: &Path, columns: &CsvColumns) -> Result<Samples, Report> {
    let columns = Columns {
        value: columns.value_column.as_deref(),
        label: columns.label_column.as_deref(),
    };
    let Read { samples, remarks } = parse(&read_text(path)?, columns)?;
    if let Some(ahead) = samples.times_ms.last().and_then(|newest| away::ahead(*newest)) {
        output::remark(&format!(
            "{}: its newest time lies {ahead} in the future",
            path.display()
        ));
    }
    for remark in remarks {
        output::remark(&format!("{}: {remark}", path.display()));
    }
    Ok(samples)
}
