//! One good token, and everything that is not it.

use super::*;
use event::ids::{StoreName, TenantId};
use policy::Scopes;

#[test]
fn only_the_token_itself_identifies_and_only_until_it_is_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let tenant = TenantId::parse("default").expect("a name");
    let principal = Principal { tenant, producer: None, scopes: Scopes::NONE };
    let drawn = draw(principal, Timestamp(1));
    let store = StoreName::parse("s").expect("a name");
    Control::draft(folder.path(), &store, &[], std::slice::from_ref(&drawn.key))
        .and_then(|()| Control::publish(folder.path()))
        .expect("made");
    let control = Control::open(folder.path()).expect("opened");
    let good = format!("Bearer {}", drawn.token);
    assert_eq!(drawn.token.len(), 4 + 8 + 1 + 43);
    assert_eq!(identify(&control, Some(&good)), Some(drawn.key.clone()));

    let other_end = if good.ends_with('A') { "B" } else { "A" };
    let bad = [
        String::new(),
        drawn.token.clone(),
        format!("bearer {}", drawn.token),
        format!("Bearer  {}", drawn.token),
        format!("{good}x"),
        format!("{}{other_end}", &good[..good.len() - 1]),
        "Bearer ind_".to_owned(),
        format!("Bearer ind_{}_", drawn.key.lookup),
        format!("Bearer ind_{}_{}", drawn.key.lookup, "A".repeat(43)),
        "Basic dXNlcjpwYXNz".to_owned(),
    ];
    for header in bad {
        assert_eq!(identify(&control, Some(&header)), None, "{header}");
    }
    assert_eq!(identify(&control, None), None);
    control.revoke(&drawn.key.lookup, Timestamp(2)).expect("ended");
    assert_eq!(identify(&control, Some(&good)), None, "ended");
}
