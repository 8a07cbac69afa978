//! What a statement may be: one read-only query over listed tables, functions and plan nodes.
//!
//! Twice checked, since either check alone has been got round elsewhere: the parsed statement, before
//! any planning is paid for, and the logical plan, whose nodes must all be on the list. Whatever is
//! not listed is refused by name. INVARIANT (I8): there is no default that allows.
//!
//! Left out on purpose: functions that draw at random or tell of the engine, table functions,
//! recursion, EXPLAIN (plans tell of rows that are not in view), windows and list constructors
//! (the engine buffers them uncounted), and functions whose output can dwarf their input.

mod functions; // the listed functions

use std::ops::ControlFlow;

use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::logical_expr::{Expr as Planned, LogicalPlan};
use datafusion::sql::parser::{DFParserBuilder, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectName, Query, Select, SetExpr, Statement, TableFactor, VisitMut as _, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

pub(crate) use functions::{aggregates, listed, scalars};

use crate::limits::{self, Limits, counted};
use crate::{Error, calls, tables};

/// How deep the parser itself goes. It counts its own steps, several a level of ours, and stops
/// before the stack does.
const PARSER_DEPTH_MAX: usize = 400;

/// A statement that passed.
#[derive(Debug)]
pub(crate) enum Allowed {
    /// A query, ready to be planned.
    Query(Box<Parsed>),
    /// `DESCRIBE table`.
    Describe(&'static tables::Table),
}

/// Reads a statement and checks it against the list.
pub(crate) fn statement(sql: &str, limits: &Limits) -> Result<Allowed, Error> {
    tokens(sql)?;
    let parser = DFParserBuilder::new(sql).with_recursion_limit(PARSER_DEPTH_MAX).build();
    let parsed = parser.and_then(|mut parser| parser.parse_statements());
    let mut parsed = parsed.map_err(|error| crate::fault::blame(error, limits))?;
    let (Some(only), None) = (parsed.pop_front(), parsed.pop_front()) else {
        return Err(refused("more or less than one statement"));
    };
    let Parsed::Statement(mut inner) = only else {
        return Err(refused(first_word(sql)));
    };
    if let Statement::ExplainTable { table_name, .. } = inner.as_ref() {
        return table(table_name).map(Allowed::Describe);
    }
    if !matches!(inner.as_ref(), Statement::Query(_)) {
        return Err(refused(first_word(sql)));
    }
    let mut check = Check::new(limits);
    match inner.visit(&mut check) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(Allowed::Query(Box::new(Parsed::Statement(inner)))),
    }
}

/// Whether every node of the plan, and every function it calls, is on the list.
pub(crate) fn plan(plan: &LogicalPlan) -> Result<(), Error> {
    let mut refusal = None;
    let walked = plan.apply_with_subqueries(|node| {
        refusal = if is_listed(node) { unlisted_call(node)? } else { Some(node_name(node)) };
        Ok(match refusal {
            Some(_) => TreeNodeRecursion::Stop,
            None => TreeNodeRecursion::Continue,
        })
    });
    match (walked, refusal) {
        (_, Some(what)) => Err(refused(&what)),
        (Err(error), None) => Err(Error::Failed { detail: error.to_string() }),
        (Ok(_), None) => Ok(()),
    }
}

fn is_listed(node: &LogicalPlan) -> bool {
    matches!(
        node,
        LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::TableScan(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Values(_)
            | LogicalPlan::Distinct(_)
    )
}

fn node_name(node: &LogicalPlan) -> String {
    let shown = node.display().to_string();
    format!("the plan node {}", shown.split([':', ' ']).next().unwrap_or_default())
}

/// A function in the node's expressions that is not listed: the planner makes some of syntax (list
/// literals) without looking them up.
fn unlisted_call(node: &LogicalPlan) -> datafusion::common::Result<Option<String>> {
    let mut found = None;
    node.apply_expressions(|root| {
        root.apply(|expr| {
            let name = match expr {
                Planned::ScalarFunction(call) => call.func.name(),
                Planned::AggregateFunction(call) => call.func.name(),
                Planned::WindowFunction(_) => "a window (OVER)",
                _ => return Ok(TreeNodeRecursion::Continue),
            };
            if functions::is_listed(name) {
                return Ok(TreeNodeRecursion::Continue);
            }
            found = Some(name.to_owned());
            Ok(TreeNodeRecursion::Stop)
        })
    })?;
    Ok(found)
}

/// INVARIANT (I10): the text is bounded before the parser sees it.
fn tokens(sql: &str) -> Result<(), Error> {
    const HINT: &str = "ask shorter questions, or pass long lists in several queries";
    if sql.len() > limits::STATEMENT_BYTES_MAX {
        return Err(counted("bytes of statement", limits::STATEMENT_BYTES_MAX, HINT));
    }
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, sql).tokenize().map_err(|error| Error::Invalid {
        reason: error.to_string(),
        hint: "quote text with single quotes and names with double quotes".into(),
    })?;
    let words = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).count();
    if words > limits::TOKENS_MAX {
        return Err(counted("words and signs", limits::TOKENS_MAX, HINT));
    }
    Ok(())
}

/// The walk over a parsed query.
struct Check<'a> {
    limits: &'a Limits,
    nodes: usize,
    depth: usize,
    /// Per open expression, its operator if it has one: the same one again is a chain.
    open: Vec<Option<BinaryOperator>>,
    /// Names that `WITH` has given so far.
    given: Vec<String>,
}

impl<'a> Check<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self { limits, nodes: 0, depth: 0, open: Vec::new(), given: Vec::new() }
    }

    fn deeper(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > self.limits.depth_max {
            return Err(counted("levels of nesting", self.limits.depth_max, "nest less deeply"));
        }
        Ok(())
    }

    fn expression(&mut self, expr: &mut Expr) -> Result<(), Error> {
        const HINT: &str = "use shorter lists and fewer conditions";
        self.nodes += 1;
        if self.nodes > self.limits.expression_nodes_max {
            return Err(counted("expression nodes", self.limits.expression_nodes_max, HINT));
        }
        let operator = match expr {
            Expr::BinaryOp { op, .. } => Some(op.clone()),
            _ => None,
        };
        let chained = operator.is_some() && self.open.last() == Some(&operator);
        if !chained {
            self.deeper()?;
        }
        self.open.push(operator);
        rewrite(expr)?;
        if let Expr::Function(call) = expr { function(call) } else { Ok(()) }
    }

    fn closed(&mut self) {
        let operator = self.open.pop().flatten();
        let chained = operator.is_some() && self.open.last() == Some(&operator);
        if !chained {
            self.depth -= 1;
        }
    }

    fn query(&mut self, query: &Query) -> Result<(), Error> {
        self.deeper()?;
        if let Some(with) = &query.with {
            if with.recursive {
                return Err(refused("WITH RECURSIVE"));
            }
            self.given.extend(with.cte_tables.iter().map(|cte| name(&cte.alias.name)));
        }
        body(&query.body)?;
        let extras = [
            ("FETCH", query.fetch.is_some()),
            ("a locking clause", !query.locks.is_empty()),
            ("FOR XML or JSON", query.for_clause.is_some()),
            ("SETTINGS", query.settings.is_some()),
            ("FORMAT", query.format_clause.is_some()),
            ("a pipe operator", !query.pipe_operators.is_empty()),
        ];
        match extras.iter().find(|(_, there)| *there) {
            Some((what, _)) => Err(refused(what)),
            None => Ok(()),
        }
    }

    fn relation(&self, relation: &ObjectName) -> Result<(), Error> {
        let given = only_name(relation).is_some_and(|name| self.given.contains(&name));
        if given { Ok(()) } else { table(relation).map(drop) }
    }
}

impl VisitorMut for Check<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        flow(self.query(query))
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        flow(match select {
            Select { into: Some(_), .. } => Err(refused("SELECT INTO")),
            Select { lateral_views, .. } if !lateral_views.is_empty() => {
                Err(refused("LATERAL VIEW"))
            }
            Select { named_window, .. } if !named_window.is_empty() => Err(refused("WINDOW")),
            _ => Ok(()),
        })
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        flow(match factor {
            TableFactor::Table { args: None, sample: None, version: None, .. }
            | TableFactor::Derived { lateral: false, sample: None, .. }
            | TableFactor::NestedJoin { .. } => Ok(()),
            TableFactor::Derived { lateral: true, .. } => Err(refused("LATERAL")),
            TableFactor::Table { args: Some(_), name, .. } => {
                Err(refused(&format!("the table function `{name}`")))
            }
            _ => Err(refused("this kind of table")),
        })
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<Error> {
        flow(self.relation(relation))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        flow(self.expression(expr))
    }

    fn post_visit_expr(&mut self, _: &mut Expr) -> ControlFlow<Error> {
        self.closed();
        ControlFlow::Continue(())
    }
}

/// Only selects, set operations on them, and literal rows.
fn body(body: &SetExpr) -> Result<(), Error> {
    let mut open = vec![body];
    while let Some(next) = open.pop() {
        match next {
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => {}
            SetExpr::SetOperation { left, right, .. } => {
                open.extend([left, right].map(AsRef::as_ref));
            }
            _ => return Err(refused("a statement that writes")),
        }
    }
    Ok(())
}

/// Calls must be of listed functions, with no window.
fn function(call: &Function) -> Result<(), Error> {
    let name = only_name(&call.name).filter(|name| functions::is_listed(name));
    if name.is_none() {
        return Err(Error::NotAllowed {
            what: format!("the function `{}`", call.name),
            hint: format!("use one of: {}", listed().join(", ")),
        });
    }
    if call.over.is_some() { Err(refused("a window (OVER)")) } else { Ok(()) }
}

/// Gives `has_target(type, id)` the column it asks about, and `||` a bound on what it makes.
fn rewrite(expr: &mut Expr) -> Result<(), Error> {
    if let Expr::Function(call) = expr {
        let name = only_name(&call.name);
        let is_ours = name.is_some_and(|name| calls::OF_TARGETS.contains(&name.as_str()));
        if let FunctionArguments::List(list) = &mut call.args
            && is_ours
            && list.args.len() == 2
        {
            list.args.insert(0, argument(Expr::Identifier(Ident::new("targets"))));
        }
        return Ok(());
    }
    if !matches!(expr, Expr::BinaryOp { op: BinaryOperator::StringConcat, .. }) {
        return Ok(());
    }
    let null = Expr::value(datafusion::sql::sqlparser::ast::Value::Null);
    if let Expr::BinaryOp { left, right, .. } = std::mem::replace(expr, null) {
        *expr = calls::join_call([argument(*left), argument(*right)]);
    }
    Ok(())
}

fn argument(expr: Expr) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
}

/// The table of that name.
fn table(relation: &ObjectName) -> Result<&'static tables::Table, Error> {
    let table = only_name(relation).and_then(|name| tables::named(&name));
    table.ok_or_else(|| Error::Invalid {
        reason: format!("there is no table `{relation}`"),
        hint: format!("the tables are: {}", tables::names().join(", ")),
    })
}

/// The name of an object that has only one, folded as SQL folds it.
fn only_name(object: &ObjectName) -> Option<String> {
    match object.0.as_slice() {
        [part] => part.as_ident().map(name),
        _ => None,
    }
}

fn name(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

fn first_word(sql: &str) -> &str {
    sql.split_whitespace().next().unwrap_or("an empty statement")
}

fn refused(what: &str) -> Error {
    let shown: String = what.chars().take(64).collect();
    Error::NotAllowed {
        what: format!("`{shown}`"),
        hint: "send one SELECT over the listed tables, or DESCRIBE <table>".into(),
    }
}

fn flow(outcome: Result<(), Error>) -> ControlFlow<Error> {
    match outcome {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}
