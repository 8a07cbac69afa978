//! INVARIANT (I9), proven by trying: drawn statements are asked of a tenant through a caller's view,
//! and of a copy that holds what the caller sees and nothing else. Both must end the same way: plan,
//! rows, their order, their size, coverage, or the error with all its words.
//!
//! A share of the run stands in the quick set; `cargo xtask barrier` runs it whole, and against every
//! planted leak.

pub(crate) mod copy; // what a caller sees, written out
mod draw; // one seed, one run
mod statements; // drawn statements
mod tenant; // drawn tenants and views

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::physical_plan::displayable;
use tokio::runtime::{Builder, Runtime};

use crate::allow::{self, Allowed};
use crate::run::{collect, describe};
use crate::session::Planned;
use crate::source::Source;
use crate::{Answer, Coverage, Error, Format, Limits};
use draw::Draw;
use statements::{CLAUSES, Drawn, statement};
use tenant::World;

/// Statements of the quick set.
const QUICK: usize = 500;
/// Statements that are asked of one tenant.
const EACH: usize = 100;
/// Batches so small that a tenant of some fifty rows has several.
const BATCH_ROWS: usize = 7;
/// Environment of the whole run.
const COUNT: &str = "INDELIBLE_BARRIER_QUERIES";

/// Rows, bytes, the rows as text, the rows as an Arrow stream.
type Given = (usize, usize, String, Vec<u8>);
/// Code, words and hint of an error.
type Told = (String, String, String);

/// How a question ended.
#[derive(Debug, PartialEq)]
struct Ending {
    plan: Option<String>,
    coverage: Coverage,
    answer: Result<Given, Told>,
}

impl Ending {
    /// Where two endings part, with some words around it.
    fn parting(&self, other: &Self) -> String {
        let (one, other) = (format!("{self:?}"), format!("{other:?}"));
        let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
        let around =
            |text: &str| text.chars().skip(same.saturating_sub(300)).take(500).collect::<String>();
        format!("---- view\n{}\n---- copy\n{}", around(&one), around(&other))
    }
}

async fn ending(source: &Arc<Source>, drawn: &Drawn) -> Ending {
    let limits = Limits { batch_rows: BATCH_ROWS, ..Limits::default() };
    let mut plan = None;
    let work = async {
        let parsed = match allow::statement(&drawn.sql, &limits)? {
            Allowed::Describe(table) => return describe(table),
            Allowed::Query(parsed) => parsed,
        };
        let planned = Planned::new(source, *parsed, &drawn.parameters, &limits).await?;
        // The hour of the day is planned in as a literal.
        if !drawn.sql.contains("now()") {
            plan = Some(displayable(planned.physical().as_ref()).indent(true).to_string());
        }
        collect(planned, &limits).await
    };
    let coverage = source.coverage();
    let answer = work.await.map_err(|error| source.told(error)).and_then(|(schema, batches)| {
        let answer = Answer::new(schema, batches, coverage);
        let rows = String::from_utf8(answer.to_bytes(Format::JsonLines)?).unwrap();
        Ok((answer.rows(), answer.bytes(), rows, answer.to_bytes(Format::Arrow)?))
    });
    let answer = answer.map_err(|error: Error| {
        (error.code().to_string(), error.to_string(), error.hint().to_owned())
    });
    Ending { plan, coverage, answer }
}

/// What is said of a leak; `cargo xtask barrier` looks for it.
const DIFFER: &str = "I9: the view and its copy differ";

/// What a run has met.
#[derive(Debug, Default)]
struct Met {
    asked: usize,
    with_rows: usize,
    failed_over_rows: usize,
    hidden_mattered: usize,
    clauses: BTreeMap<&'static str, usize>,
    functions: BTreeMap<&'static str, usize>,
}

impl Met {
    fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.with_rows += other.with_rows;
        self.failed_over_rows += other.failed_over_rows;
        self.hidden_mattered += other.hidden_mattered;
        for (clause, times) in other.clauses {
            *self.clauses.entry(clause).or_default() += times;
        }
        for (function, times) in other.functions {
            *self.functions.entry(function).or_default() += times;
        }
    }

    fn note(&mut self, drawn: &Drawn, ending: &Ending) {
        self.asked += 1;
        for clause in &drawn.clauses {
            *self.clauses.entry(clause).or_default() += 1;
        }
        match &ending.answer {
            Ok((rows, ..)) if *rows > 0 => {
                self.with_rows += 1;
                for function in allow::listed() {
                    if drawn.sql.contains(&format!("{function}(")) {
                        *self.functions.entry(function).or_default() += 1;
                    }
                }
            }
            Ok(_) => {}
            Err(_) => self.failed_over_rows += usize::from(ending.plan.is_some()),
        }
    }
}

/// Asks the statements of every `step`th tenant from `first` on, or returns the first that ends
/// differently.
fn run(runtime: &Runtime, (first, step): (usize, usize), count: usize) -> Result<Met, String> {
    let mut met = Met::default();
    for world in (first..count.div_ceil(EACH)).step_by(step) {
        let mut draw = Draw::new(u64::try_from(world).unwrap());
        let drawn = World::new(&mut draw);
        let copy = Arc::new(Source::Copy(runtime.block_on(copy::Copied::of(&drawn))));
        let real = Arc::new(Source::new(drawn.tenant(), &drawn.caller).unwrap());
        let all = Arc::new(Source::new(drawn.tenant(), &tenant::whole()).unwrap());
        for _ in 0..EACH.min(count - world * EACH) {
            let statement = statement(&mut draw);
            let here = runtime.block_on(ending(&real, &statement));
            let there = runtime.block_on(ending(&copy, &statement));
            if here != there {
                let (sql, caller) = (&statement.sql, &drawn.caller);
                return Err(format!("{sql}\nof {caller:?}\n{}", here.parting(&there)));
            }
            met.note(&statement, &here);
            // A look at every fourth is enough to know that there is something to hide.
            if met.asked % 4 == 0 {
                let over_all = runtime.block_on(ending(&all, &statement));
                met.hidden_mattered += usize::from(over_all.answer != here.answer);
            }
        }
    }
    Ok(met)
}

/// Halves of the work on two threads, with the stack that the crate says it needs.
fn halves(count: usize) -> [Result<Met, String>; 2] {
    let half = |first| {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        run(&runtime, (first, 2), count)
    };
    std::thread::scope(|scope| {
        let threads = [0, 1].map(|first| {
            let thread = std::thread::Builder::new().stack_size(crate::limits::STACK_BYTES);
            thread.spawn_scoped(scope, move || half(first)).unwrap()
        });
        threads.map(|thread| thread.join().unwrap())
    })
}

#[test]
fn i9_every_answer_is_that_of_the_callers_copy() {
    let count = std::env::var(COUNT).ok().map_or(QUICK, |count| count.parse().unwrap());
    let mut met = Met::default();
    for half in halves(count) {
        met.add(half.unwrap_or_else(|found| panic!("{DIFFER}:\n{found}")));
    }
    println!("barrier: {met:?}");
    assert_eq!(met.asked, count);
    assert!(met.with_rows * 10 >= met.asked * 6, "too few answers with rows: {met:?}");
    assert!(met.failed_over_rows * 20 >= met.asked, "too few failures over rows: {met:?}");
    assert!(met.hidden_mattered * 16 >= met.asked, "there was little to hide: {met:?}");
    if count >= 5_000 {
        let clauses = CLAUSES.iter().filter(|clause| !met.clauses.contains_key(*clause));
        assert_eq!(clauses.collect::<Vec<_>>(), Vec::<&&str>::new(), "clauses that were not met");
        let functions = allow::listed();
        let never = functions.iter().filter(|name| !met.functions.contains_key(*name));
        // Members of structs and the inside of `||` are not written as calls.
        let never = never.filter(|name| !["get_field", "join_text"].contains(*name));
        assert_eq!(never.collect::<Vec<_>>(), Vec::<&&str>::new(), "functions that were not met");
    }
}
