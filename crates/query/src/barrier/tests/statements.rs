//! Statements over every listed function and every clause, drawn from one seed. Most of them are
//! meant to work; casts and divisions that fail over some rows are strewn in.

use super::draw::Draw;
use crate::Parameter;

/// A statement, its parameters, and the clauses it has.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) sql: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) clauses: Vec<&'static str>,
}

/// Every clause that is drawn: the run asserts that each was met.
pub(super) const CLAUSES: &[&str] = &[
    "where",
    "group by",
    "having",
    "order by",
    "limit",
    "offset",
    "distinct",
    "union",
    "union all",
    "intersect",
    "except",
    "join",
    "left join",
    "full join",
    "cross join",
    "semi join",
    "in subquery",
    "exists",
    "scalar subquery",
    "derived table",
    "with",
    "case",
    "cast",
    "division",
    "parameter",
    "filter",
    "values",
    "describe",
    "explain",
    "window",
    "aggregate",
    "bound",
];

/// Columns of `events` by the type of what they hold.
const TEXTS: &[&str] = &[
    "action",
    "actor_id",
    "actor_id",
    "actor_kind",
    "actor_name",
    "actor_email",
    "actor_ref",
    "kind",
    "outcome",
    "outcome_code",
    "reason",
    "severity",
    "service",
    "host",
    "ip_claimed",
    "ip_peer",
    "user_agent",
    "target_type",
    "target_id",
    "session_id",
    "request_id",
    "producer",
    "schema",
    "changes",
    "attrs",
    "original",
    "on_behalf_of",
    "id",
    "instance",
];
const NUMBERS: &[&str] = &["index", "seq", "occurred_offset_min", "index"];
const TIMES: &[&str] = &["received_at", "occurred_at"];
const LITERALS: &[&str] = &[
    "'success'",
    "'denied'",
    "'10'",
    "'20'",
    "'ana@acme'",
    "'invoice.approve'",
    "'t'",
    "'1'",
    "'5'",
    "''",
    "'unknown'",
    "'web'",
    "'x'",
];

pub(super) struct Statements<'a> {
    draw: &'a mut Draw,
    parameters: Vec<Parameter>,
    clauses: Vec<&'static str>,
    /// The name that columns are written under.
    alias: &'static str,
}

pub(super) fn statement(draw: &mut Draw) -> Drawn {
    let mut made = Statements { draw, parameters: Vec::new(), clauses: Vec::new(), alias: "" };
    let sql = made.statement();
    Drawn { sql, parameters: made.parameters, clauses: made.clauses }
}

impl Statements<'_> {
    fn met(&mut self, clause: &'static str) {
        self.clauses.push(clause);
    }

    fn statement(&mut self) -> String {
        match self.draw.below(100) {
            0..24 => self.plain(),
            24..48 => self.grouped(),
            48..58 => self.whole_table(),
            58..66 => self.set_operation(),
            66..77 => self.joined(),
            77..84 => self.nested(),
            84..88 => self.with(),
            88..91 => self.distinct(),
            91..96 => self.other_table(),
            96..98 => self.values(),
            _ => self.odd(),
        }
    }

    fn plain(&mut self) -> String {
        let list = self.list();
        let (condition, tail) = (self.condition(), self.tail(&["1", "index"]));
        format!("SELECT {list} FROM events{condition}{tail}")
    }

    fn list(&mut self) -> String {
        if self.draw.hits(10) {
            return "*".into();
        }
        let count = 1 + self.draw.below(4);
        (0..count).map(|at| format!("{} AS c{at}", self.any(2))).collect::<Vec<_>>().join(", ")
    }

    fn condition(&mut self) -> String {
        if self.draw.hits(35) {
            return String::new();
        }
        self.met("where");
        format!(" WHERE {}", self.truth(2))
    }

    /// ORDER BY, LIMIT and OFFSET, each or none.
    fn tail(&mut self, orders: &[&str]) -> String {
        let mut tail = String::new();
        if self.draw.hits(40) {
            self.met("order by");
            let direction = self.draw.one(&["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]);
            tail += &format!(" ORDER BY {}{direction}", self.draw.one(orders));
        }
        if self.draw.hits(35) {
            self.met("limit");
            tail += &format!(" LIMIT {}", 1 + self.draw.below(9));
        }
        if self.draw.hits(10) {
            self.met("offset");
            tail += &format!(" OFFSET {}", self.draw.below(4));
        }
        tail
    }

    fn grouped(&mut self) -> String {
        self.met("aggregate");
        let (one, other) = (self.aggregate(), self.aggregate());
        let condition = self.condition();
        if self.draw.hits(35) {
            return format!("SELECT {one} AS a, {other} AS b FROM events{condition}");
        }
        self.met("group by");
        let key = if self.draw.hits(70) { self.column(TEXTS) } else { self.any(1) };
        let mut sql = format!(
            "SELECT {key} AS k, {one} AS a, {other} AS b FROM events{condition} GROUP BY {key}"
        );
        if self.draw.hits(25) {
            self.met("having");
            sql += &format!(" HAVING count(*) >= {}", self.draw.below(3));
        }
        sql + &self.tail(&["k", "a", "b", "count(*)"])
    }

    fn aggregate(&mut self) -> String {
        let made = match self.draw.below(20) {
            0 | 1 => "count(*)".into(),
            2 => format!("count({})", self.any(1)),
            3 => format!("count(DISTINCT {})", self.text(1)),
            4 => format!("sum({})", self.number(1)),
            5 => format!("avg({})", self.fraction(1)),
            6 => format!("mean({})", self.number(1)),
            7 => format!("min({})", self.any(1)),
            8 => format!("max({})", self.any(1)),
            9 => format!("median({})", self.number(1)),
            10 => format!("stddev({})", self.fraction(1)),
            11 => format!("var({})", self.number(1)),
            12 => format!("bool_and({})", self.truth(1)),
            13 => format!("bool_or({})", self.truth(1)),
            14 => format!("first_value({})", self.any(1)),
            15 => format!("last_value({} ORDER BY index)", self.any(1)),
            16 => format!("string_agg({}, ',')", self.text(1)),
            17 => format!("approx_distinct({})", self.text(1)),
            18 => format!("sum({})", self.fraction(1)),
            _ => format!("first_value({} ORDER BY occurred_at DESC)", self.text(0)),
        };
        if !self.draw.hits(10) {
            return made;
        }
        self.met("filter");
        format!("{made} FILTER (WHERE {})", self.truth(1))
    }

    fn whole_table(&mut self) -> String {
        let (condition, tail) =
            (self.condition(), self.tail(&["index", "actor_id", "occurred_at"]));
        format!("SELECT * FROM events{condition}{tail}")
    }

    fn set_operation(&mut self) -> String {
        let clause = self.draw.one(&["union", "union all", "union all", "intersect", "except"]);
        let clause = CLAUSES.iter().find(|known| **known == clause).unwrap();
        self.met(clause);
        let (one, other) = (self.text(1), self.text(1));
        let (here, there) = (self.condition(), self.condition());
        let table = self.draw.one(&["events", "events", "system_log"]);
        let there = if table == "events" { there } else { String::new() };
        let other = if table == "events" { other } else { "action".to_owned() };
        let operation = clause.to_uppercase();
        let tail = self.tail(&["c", "1"]);
        format!(
            "SELECT {one} AS c FROM events{here} {operation} SELECT {other} AS c FROM {table}{there}{tail}"
        )
    }

    fn joined(&mut self) -> String {
        let joins = ["join", "join", "left join", "full join", "cross join", "semi join"];
        let clause = self.draw.one(&joins);
        let clause = CLAUSES.iter().find(|known| **known == clause).unwrap();
        self.met(clause);
        let key = self.draw.one(&["actor_id", "action", "target_id", "index", "outcome", "reason"]);
        self.alias = "a.";
        let left = self.any(1);
        let extra =
            if self.draw.hits(30) { format!(" AND {}", self.truth(1)) } else { String::new() };
        self.alias = "b.";
        let right = self.any(1);
        let condition = if self.draw.hits(40) { self.condition() } else { String::new() };
        self.alias = "";
        let tail = self.tail(&["x", "1"]);
        match *clause {
            "cross join" => format!(
                "SELECT {left} AS x, {right} AS y FROM events a CROSS JOIN (SELECT * FROM events LIMIT 4) b{condition}{tail}"
            ),
            "semi join" => format!(
                "SELECT {left} AS x FROM events a LEFT SEMI JOIN events b ON a.{key} = b.{key}{extra}{tail}"
            ),
            _ => format!(
                "SELECT {left} AS x, {right} AS y FROM events a {} events b ON a.{key} = b.{key}{extra}{condition}{tail}",
                clause.to_uppercase()
            ),
        }
    }

    fn nested(&mut self) -> String {
        let inner = self.condition();
        let list = self.list();
        match self.draw.below(4) {
            0 => {
                self.met("in subquery");
                format!(
                    "SELECT {list} FROM events WHERE index IN (SELECT index FROM events{inner})"
                )
            }
            1 => {
                self.met("exists");
                "SELECT index FROM events e WHERE EXISTS (SELECT 1 FROM events f WHERE f.actor_id = e.actor_id AND f.index < e.index)".into()
            }
            2 => {
                self.met("scalar subquery");
                let aggregate = self.draw.one(&["max(index)", "count(*)", "avg(index)"]);
                format!(
                    "SELECT {list} FROM events WHERE index < (SELECT {aggregate} FROM events{inner})"
                )
            }
            _ => {
                self.met("derived table");
                let tail = self.tail(&["1"]);
                let condition = self.condition();
                format!(
                    "SELECT count(*) AS n FROM (SELECT * FROM events{inner}{tail}) d{condition}"
                )
            }
        }
    }

    fn with(&mut self) -> String {
        self.met("with");
        let (list, inner) = (self.list(), self.condition());
        let tail = self.tail(&["1"]);
        format!("WITH w AS (SELECT * FROM events{inner}) SELECT {list} FROM w{tail}")
    }

    fn distinct(&mut self) -> String {
        self.met("distinct");
        let (text, condition, tail) = (self.text(1), self.condition(), self.tail(&["c"]));
        format!("SELECT DISTINCT {text} AS c FROM events{condition}{tail}")
    }

    fn other_table(&mut self) -> String {
        let tail = self.tail(&["index", "received_at"]);
        let condition = match self.draw.below(4) {
            0 => " WHERE 1 / (index - 3) < 10",
            1 => " WHERE producer = 'billing'",
            2 => " WHERE CAST(producer AS BIGINT) > 1",
            _ => "",
        };
        match self.draw.below(9) {
            7 => format!("SELECT * FROM producers ORDER BY {}", self.draw.one(&["1", "instance"])),
            8 => "SELECT p.producer, p.next_seq, count(e.seq) AS n FROM producers p LEFT JOIN events e ON e.producer = p.producer GROUP BY 1, 2".into(),
            4 => {
                "SELECT hour, action, sum(n) AS n FROM events_by_hour GROUP BY hour, action".into()
            }
            5 => "SELECT * FROM events_by_hour WHERE outcome <> 'success' ORDER BY n DESC".into(),
            6 => "SELECT sum(n) AS n, count(*) AS rows, min(kind) AS k FROM events_by_hour".into(),
            0 => format!("SELECT * FROM dead_letters{condition}{tail}"),
            1 => format!("SELECT kind, count(*) AS n FROM system_log{condition} GROUP BY kind"),
            2 => format!("SELECT count(*) AS n FROM dead_letters{condition}"),
            _ => format!("SELECT * FROM system_log{condition}{tail}"),
        }
    }

    fn values(&mut self) -> String {
        self.met("values");
        let key = self.draw.one(&["actor_id", "outcome", "action"]);
        let tail = self.tail(&["1"]);
        format!(
            "SELECT v.column1 AS v, count(e.index) AS n FROM (VALUES ('10'), ('denied'), ('a.b')) v LEFT JOIN events e ON e.{key} = v.column1 GROUP BY v.column1{tail}"
        )
    }

    /// What is refused, or looks at no row.
    fn odd(&mut self) -> String {
        match self.draw.below(6) {
            0 => {
                self.met("describe");
                format!(
                    "DESCRIBE {}",
                    self.draw.one(&["events", "system_log", "producers", "nothing"])
                )
            }
            1 => {
                self.met("explain");
                let analyze = self.draw.one(&["", "ANALYZE "]);
                format!("EXPLAIN {analyze}SELECT count(*) FROM events")
            }
            2 => {
                self.met("window");
                "SELECT row_number() OVER (ORDER BY index) AS n FROM events".into()
            }
            3 => format!("SELECT {} AS c FROM event", self.any(1)),
            4 => format!("SELECT {} AS c, nothing FROM events", self.any(1)),
            _ => format!("SELECT {} AS n", self.draw.one(&["1", "1 / 0", "now() > now()"])),
        }
    }

    fn column(&mut self, of: &[&'static str]) -> String {
        let name = of[self.draw.below(of.len())];
        format!("{}{name}", self.alias)
    }

    fn any(&mut self, depth: usize) -> String {
        match self.draw.below(10) {
            0..5 => self.text(depth),
            5..8 => self.number(depth),
            8 => self.time(),
            _ => self.fraction(depth),
        }
    }

    fn literal(&mut self) -> String {
        if self.draw.hits(12) {
            self.met("parameter");
            let value = self.draw.one(LITERALS).trim_matches('\'').to_owned();
            self.parameters.push(Parameter::Text(value));
            return format!("${}", self.parameters.len());
        }
        self.draw.one(LITERALS).to_owned()
    }

    fn text(&mut self, depth: usize) -> String {
        if depth == 0 || self.draw.hits(45) {
            return self.column(TEXTS);
        }
        let (one, n) = (self.text(depth - 1), self.draw.below(5));
        match self.draw.below(30) {
            0 => format!("lower({one})"),
            1 => format!("upper({one})"),
            2 => format!("initcap({one})"),
            3 => format!("{}({one})", self.draw.one(&["trim", "btrim", "ltrim", "rtrim"])),
            4 => format!("reverse({one})"),
            5 => format!("{}({one}, {n})", self.draw.one(&["left", "right"])),
            6 => format!("{}({one}, {})", self.draw.one(&["substr", "substring"]), n + 1),
            7 => format!("split_part({one}, '.', {})", n % 2 + 1),
            8 => format!("translate({one}, 'abc', 'xyz')"),
            9 | 10 => format!("coalesce({one}, {})", self.literal()),
            11 => format!("nullif({one}, {})", self.literal()),
            12 => format!("nvl({one}, {})", self.literal()),
            13 => format!("greatest({one}, {})", self.literal()),
            14 => format!("least({one}, {})", self.literal()),
            15 => format!("concat({one}, '-', {})", self.text(0)),
            16 => format!("{one} || {}", self.literal()),
            17..20 => {
                self.met("case");
                let (test, other) = (self.truth(depth - 1), self.literal());
                format!("CASE WHEN {test} THEN {one} ELSE {other} END")
            }
            20 | 21 => {
                self.met("cast");
                format!("CAST({} AS VARCHAR)", self.number(depth - 1))
            }
            22 => format!("arrow_cast({}, 'Utf8')", self.number(depth - 1)),
            23 => {
                self.met("case");
                format!("CASE {one} WHEN {} THEN 'same' ELSE {} END", self.literal(), self.text(0))
            }
            _ => one,
        }
    }

    fn number(&mut self, depth: usize) -> String {
        if depth == 0 || self.draw.hits(40) {
            return self.column(NUMBERS);
        }
        let (text, one) = (self.text(depth - 1), self.number(depth - 1));
        match self.draw.below(24) {
            0 => format!("length({text})"),
            1 => format!("{}({text})", self.draw.one(&["char_length", "character_length"])),
            2 => format!("{}({text})", self.draw.one(&["octet_length", "bit_length"])),
            3 => format!("ascii({text})"),
            4 => format!("strpos({text}, 'a')"),
            5 => format!("position('a' IN {text})"),
            6 => format!(
                "{}({}targets)",
                self.draw.one(&["array_length", "cardinality"]),
                self.alias
            ),
            7 => format!("date_part('hour', {})", self.time()),
            8 => format!("EXTRACT(MINUTE FROM {})", self.time()),
            9 => format!("to_unixtime({})", self.time()),
            10 | 11 => {
                self.met("cast");
                format!("CAST({text} AS BIGINT)")
            }
            12 => {
                self.met("cast");
                format!("TRY_CAST({text} AS BIGINT)")
            }
            13 | 14 => {
                self.met("division");
                format!("({one}) / (CAST({}index AS BIGINT) - {})", self.alias, self.draw.below(60))
            }
            15 => format!("({one}) % {}", 1 + self.draw.below(7)),
            16 => format!("({one}) * {} + 1", 1 + self.draw.below(4)),
            17 => {
                self.met("case");
                format!("CASE WHEN {} THEN {one} ELSE 0 END", self.truth(depth - 1))
            }
            18 => {
                self.met("division");
                format!("100 / (length({text}) - {})", self.draw.below(9))
            }
            _ => one,
        }
    }

    fn fraction(&mut self, depth: usize) -> String {
        let one = self.number(depth.saturating_sub(1));
        match self.draw.below(3) {
            0 => format!("CAST({one} AS DOUBLE) * 0.1"),
            1 => format!("CAST({}index AS DOUBLE) / 3.7", self.alias),
            _ => format!("CAST({}index AS DOUBLE) * 1e9 + 0.3", self.alias),
        }
    }

    fn time(&mut self) -> String {
        let one = self.column(TIMES);
        match self.draw.below(9) {
            0 => format!("date_trunc('hour', {one})"),
            1 => format!("date_bin(INTERVAL '15 minutes', {one})"),
            2 => format!("{one} + INTERVAL '1 hour'"),
            3 => "to_timestamp('2024-05-01T12:30:00Z')".into(),
            4 => format!("from_unixtime(CAST({}index AS BIGINT))", self.alias),
            5 => format!("to_date(CAST({one} AS VARCHAR))"),
            _ => one,
        }
    }

    fn truth(&mut self, depth: usize) -> String {
        if depth > 0 && self.draw.hits(40) {
            let (one, other) = (self.truth(depth - 1), self.truth(depth - 1));
            let joined = self.draw.one(&["AND", "OR", "OR"]);
            return if self.draw.hits(15) {
                format!("NOT ({one})")
            } else {
                format!("({one} {joined} {other})")
            };
        }
        let depth = depth.saturating_sub(1);
        let (text, literal) = (self.text(depth), self.literal());
        match self.draw.below(30) {
            0..4 => format!("{text} {} {literal}", self.draw.one(&["=", "<>", "<", ">="])),
            4 => format!("{text} LIKE '%{}%'", self.draw.one(&["a", "1", "."])),
            5 => format!("{text} ILIKE '{}%'", self.draw.one(&["A", "in", "1"])),
            6 => format!("regexp_like({text}, '^[a-z]+')"),
            7 => format!("starts_with({text}, 'i')"),
            8 => format!("ends_with({text}, 'e')"),
            9 => format!("contains({text}, 'a')"),
            10 | 11 => format!("{text} IS {}NULL", self.draw.one(&["", "NOT "])),
            12 => format!("{text} IN ({literal}, '30', 'failure')"),
            13 => format!("has_target({}targets, 't', '{}')", self.alias, self.draw.below(5)),
            14 | 15 => {
                self.met("cast");
                format!("CAST({text} AS BIGINT) > {}", self.draw.below(20))
            }
            16 => {
                self.met("division");
                format!("1 / ({}index - {}) < 10", self.alias, self.draw.below(60))
            }
            17..20 => {
                self.met("bound");
                let sign = self.draw.one(&["<", "<=", ">", ">=", "="]);
                format!("{}index {sign} {}", self.alias, self.draw.below(60))
            }
            20 | 21 => {
                self.met("bound");
                let minute = self.draw.below(60);
                let time = self.column(TIMES);
                format!("{time} > '2024-05-01T12:{minute:02}:00Z'")
            }
            22 => format!("{} BETWEEN 3 AND 40", self.number(depth)),
            23 => "now() > received_at".replace("received_at", &self.column(TIMES)),
            24 => format!("{} < {}", self.number(depth), self.fraction(depth)),
            25 => format!("{text} <> {}", self.text(depth)),
            26 => format!("{text} IS DISTINCT FROM {literal}"),
            27 => self.judged(),
            _ => format!("{} >= {}", self.number(depth), self.draw.below(9)),
        }
    }

    /// A test that a search is shown with.
    fn judged(&mut self) -> String {
        let (own, n) = (self.alias, self.draw.below(6));
        match self.draw.below(6) {
            0 => format!("has_target_like({own}targets, 't', '%{n}')"),
            1 => format!("target_like({own}targets, 'lower_id', '%{n}%')"),
            2 => format!("ip_in({own}ip_claimed, '10.0.0.0/{}')", 24 + n),
            3 => format!("json_is({own}attrs, '/n', '>={n}')"),
            4 => format!("change_at({own}changes, 'p*')"),
            _ => format!("change_is({own}changes, 'old', '/p{n}', '>=0')"),
        }
    }
}
