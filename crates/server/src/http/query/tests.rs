//! Rows as arrays: the values of an object, whatever stands in them.

use super::*;

#[test]
fn values_lose_their_keys_and_nothing_else() {
    let cases = [
        (r#"{"a":1}"#, "1"),
        (r#"{"a":1,"b":null,"c":-1.5e3}"#, "1,null,-1.5e3"),
        (r#"{"a":"x,y:z","b":"q\"}{]["}"#, r#""x,y:z","q\"}{][""#),
        (r#"{"a,:{":"\\","b":"\\\""}"#, r#""\\","\\\"""#),
        (r#"{"a":[{"k":1,"l":[2,3]},{}],"b":{"c":"d"}}"#, r#"[{"k":1,"l":[2,3]},{}],{"c":"d"}"#),
        ("{}", ""),
    ];
    for (object, expected) in cases {
        let mut out = Vec::new();
        values(object.as_bytes(), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected, "{object}");
    }
}
