//! A report of figures: for each system latencies or one value with its unit, as words and as CSV.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use crate::machine;
use crate::report::Latencies;

/// What was measured by one scenario.
#[derive(Debug)]
pub(crate) struct Sheet {
    scenario: &'static str,
    machine: String,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    system: String,
    figure: String,
    events: usize,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Latency { p50: f64, p99: f64 },
    Number(f64, &'static str),
}

/// Who was measured, and over how many events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured<'a> {
    pub(crate) system: &'a str,
    pub(crate) events: usize,
}

impl Sheet {
    /// An empty report; `folder` is where the stores lie.
    pub(crate) fn new(scenario: &'static str, folder: &Path) -> io::Result<Self> {
        Ok(Self { scenario, machine: machine::describe(folder)?, rows: Vec::new() })
    }

    /// Adds latencies.
    pub(crate) fn latency(&mut self, of: Measured<'_>, figure: &str, latencies: &Latencies) {
        let at = |percent| latencies.percentile_ms(percent).unwrap_or_default();
        self.add(of, figure, Value::Latency { p50: at(50), p99: at(99) });
    }

    /// Adds one number.
    pub(crate) fn number(
        &mut self,
        of: Measured<'_>,
        figure: &str,
        number: f64,
        unit: &'static str,
    ) {
        self.add(of, figure, Value::Number(number, unit));
    }

    /// Adds how many times one median latency is another.
    pub(crate) fn ratio(
        &mut self,
        of: Measured<'_>,
        figure: &str,
        pair: (&Latencies, &Latencies, usize),
    ) {
        let (above, below, percent) = pair;
        let parts = (above.percentile_ms(percent), below.percentile_ms(percent));
        if let (Some(above), Some(below)) = parts {
            self.number(of, figure, above / below, "times");
        }
    }

    fn add(&mut self, of: Measured<'_>, figure: &str, value: Value) {
        let (system, figure) = (of.system.to_owned(), figure.to_owned());
        self.rows.push(Row { system, figure, events: of.events, value });
    }

    /// Words for a person, then one CSV line a figure.
    pub(crate) fn text(&self) -> io::Result<String> {
        let Self { scenario, machine, rows } = self;
        let mut out = String::new();
        for Row { system, figure, events, value } in rows {
            let said = match value {
                Value::Latency { p50, p99 } => format!("p50 {p50:.2} ms, p99 {p99:.2} ms"),
                Value::Number(number, unit) => format!("{number:.2} {unit}"),
            };
            let _ = writeln!(out, "{system}, {events} events: {figure} {said}");
        }
        let _ = writeln!(out, "\n# cargo xtask bench {scenario}\n{machine}");
        let _ = writeln!(out, "scenario,events,system,figure,p50_ms,p99_ms,value,unit");
        for Row { system, figure, events, value } in rows {
            let said = match value {
                Value::Latency { p50, p99 } => format!("{p50:.3},{p99:.3},,"),
                Value::Number(number, unit) => format!(",,{number:.2},{unit}"),
            };
            let _ = writeln!(out, "{scenario},{events},{system},{figure},{said}");
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests;
