//! INVARIANT (I11): an answer opens only inside a recorded allowance. That there is no other way to
//! its rows is what the examples of `src/seal.rs` fail to compile for.

use indelible_query::{Allowance, Answer, Limits, Question, Recorded, Sealed};

use crate::world::{many, on_a_query_thread, policy_view, whole};

fn sealed() -> Sealed<Answer> {
    let view = many(10);
    on_a_query_thread(|runtime| {
        let policy = policy_view(policy::Scope::Read, policy::Action::Read);
        let question = Question { sql: "SELECT actor_id FROM events", parameters: &[] };
        let limits = Limits::default();
        let answer = indelible_query::run(whole(&view), &policy, question, &limits);
        runtime.block_on(answer).unwrap()
    })
}

#[test]
fn i11_an_answer_opens_at_its_allowance_and_not_one_row_or_byte_past_it() {
    let size = sealed().size();
    let sealed_now = sealed();
    assert_eq!((size.rows, size.bytes), (sealed_now.rows(), sealed_now.bytes()));
    let answer = sealed().release(Recorded::new(7, size)).unwrap();
    assert_eq!(answer.rows(), 10);
    for (rows, bytes) in [(1, 0), (0, 1)] {
        let less = Allowance { rows: size.rows - rows, bytes: size.bytes - bytes };
        let beyond = sealed().release(Recorded::new(7, less)).unwrap_err();
        assert_eq!(beyond.short, Allowance { rows, bytes });
        assert_eq!((beyond.recorded.begin(), beyond.recorded.allowed()), (7, less));
        let recorded = beyond.recorded.with_more(beyond.short);
        assert_eq!(beyond.sealed.release(recorded).unwrap().rows(), 10);
    }
}

#[test]
fn i11_a_sealed_answer_prints_no_row() {
    let (printed, opened) = (
        format!("{:?}", sealed()),
        format!("{:?}", sealed().release(Recorded::new(0, sealed().size())).unwrap()),
    );
    assert!(opened.contains("actor-3"), "the rows have names to look for");
    assert!(!printed.contains("actor-"), "{printed}");
    assert!(printed.contains("rows: 10"), "{printed}");
}
