//! Literals are found wherever SQL lets them stand.

use super::*;

#[test]
fn literals_leave_the_template_and_nothing_else_does() {
    let cases: [(&str, &str, &[&str]); 14] = [
        ("SELECT * FROM events", "SELECT * FROM events", &[]),
        ("SELECT  *\n FROM events ", "SELECT * FROM events", &[]),
        ("WHERE actor_id='ana'", "WHERE actor_id=?", &["ana"]),
        ("'it''s' AND x = ''", "? AND x = ?", &["it's", ""]),
        ("index > 10 AND n1 = 1.5e3", "index > ? AND n1 = ?", &["10", "1.5e3"]),
        ("x = $1 AND y = $2", "x = $1 AND y = $2", &[]),
        ("\"index\" = 'a\"b'", "\"index\" = ?", &["a\"b"]),
        ("a -- ana\nb", "a ?b", &["-- ana\n"]),
        ("a /* ana */ b", "a ? b", &["/* ana */"]),
        ("a /* ana", "a ?", &["/* ana"]),
        ("x = E'a\\'b' AND y", "x = E? AND y", &["a\\'b"]),
        ("x = $q$it's$q$ AND y", "x = ? AND y", &["$q$it's$q$"]),
        ("x = 'ana", "x = ?", &["ana"]),
        ("ü = 'é' AND e = 2", "ü = ? AND e = ?", &["é", "2"]),
    ];
    for (statement, wanted, literals) in cases {
        let (template, found) = template(statement);
        assert_eq!(
            (template.as_str(), found),
            (wanted, literals.iter().map(|s| (*s).to_owned()).collect()),
            "{statement}"
        );
    }
}

#[test]
fn parameters_are_literals() {
    let asked = Asked::sql("SELECT $1", &[serde_json::json!("ana"), serde_json::json!(3)]);
    assert_eq!(asked.literals, ["\"ana\"", "3"]);
    assert_eq!(asked.template, "SELECT $1");
}
