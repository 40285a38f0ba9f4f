//! The tables of one run, printed in Markdown and written as JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// The tables of a benchmark.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The lines of each table in the JSON file, by title.
    tables: BTreeMap<String, Vec<String>>,
}

impl Report {
    /// Prints a table in Markdown, ready for `docs/performance.md`, and adds it to the JSON file of the benchmark,
    /// `target/performance/BENCHMARK.json`. `benches/charts.py` draws from these files.
    pub(crate) fn table(&mut self, title: &str, header: &[&str], rows: &[Vec<Cell>]) {
        print(title, header, rows);
        let values =
            |row: &Vec<Cell>| json!(row.iter().map(|cell| &cell.value).collect::<Vec<_>>());
        let lines = [json!(header)]
            .into_iter()
            .chain(rows.iter().map(values))
            .map(|line| line.to_string());
        self.tables.insert(title.to_owned(), lines.collect());
        self.write();
    }

    /// Writes the JSON file: an object with a list of rows for each title. The first row is the header.
    fn write(&self) {
        let tables = self.tables.iter().map(|(title, lines)| {
            let title = json!(title);
            format!("  {title}: [\n    {}\n  ]", lines.join(",\n    "))
        });
        let json = format!("{{\n{}\n}}\n", tables.collect::<Vec<_>>().join(",\n"));
        let file = file();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, json).unwrap();
    }
}

fn file() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let benchmark = env!("CARGO_CRATE_NAME");
    target.join(format!("performance/{benchmark}.json"))
}

/// A cell of a table: the text to print, and the value for the JSON file.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    /// The text, or the number that the text shows. Times are in nanoseconds.
    value: Value,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>, value: impl Into<Value>) -> Self {
        let (text, value) = (text.into(), value.into());
        Self { text, value }
    }

    /// The times at several points.
    pub(crate) fn times(points: &[(usize, Option<f64>)]) -> Self {
        let text = points.iter().map(|(at, ns)| format!("{at}: {}", time(*ns)));
        let values = points
            .iter()
            .map(|(at, ns)| (at.to_string(), time(*ns).value));
        Self::new(
            text.collect::<Vec<_>>().join(", "),
            values.collect::<Map<_, _>>(),
        )
    }

    /// Prints a name before the number.
    pub(crate) fn named(self, name: &str) -> Self {
        Self::new(format!("{name}: {self}"), self.value)
    }

    /// Prints another cell in parentheses after this one.
    pub(crate) fn with(self, other: &Self) -> Self {
        Self::new(format!("{self} ({other})"), self.value)
    }
}

impl Display for Cell {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text.clone(), text)
    }
}

const NOT_MEASURED: &str = "–";

/// A number of nanoseconds.
pub(crate) fn time(nanoseconds: Option<f64>) -> Cell {
    let Some(ns) = nanoseconds else {
        return Cell::new(NOT_MEASURED, Value::Null);
    };
    let text = match ns {
        ..1_000.0 => format!("{ns:.0} ns"),
        _ => format!("{:.2} µs", ns / 1_000.0),
    };
    Cell::new(text, (ns * 10.0).round() / 10.0)
}

/// `time` divided by `limit`.
pub(crate) fn ratio(time: Option<f64>, limit: Option<f64>) -> Cell {
    let Some((time, limit)) = time.zip(limit) else {
        return Cell::new(NOT_MEASURED, Value::Null);
    };
    let ratio = time / limit;
    Cell::new(format!("{ratio:.2}×"), (ratio * 1e4).round() / 1e4)
}

/// Prints a table in Markdown, without writing it to the JSON file.
pub(crate) fn print<C: Display>(title: &str, header: &[&str], rows: &[Vec<C>]) {
    println!("\n### {title}\n");
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(C::to_string).collect())
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([header[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        println!("| {} |", padded.collect::<Vec<_>>().join(" | "));
    };
    line(&mut header.iter().copied());
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    line(&mut rule.iter().map(String::as_str));
    for row in &rows {
        line(&mut row.iter().map(String::as_str));
    }
}
