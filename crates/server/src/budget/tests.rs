//! What is charged is counted, given back, and bounded.

use super::*;

#[tokio::test(start_paused = true)]
async fn charges_add_up_and_come_back() {
    let budget = Budget::new(10 * 1024);
    let mut first = budget.charge(1).await.expect("room");
    budget.grow(&mut first, 4096).await.expect("room");
    assert_eq!(budget.used(), 5 * 1024);
    drop(first);
    assert_eq!(budget.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_budget_refuses_after_the_wait_and_lets_in_before() {
    let budget = Budget::new(10 * 1024);
    let all = budget.charge(10 * 1024).await.expect("room");
    assert_eq!(budget.charge(1).await.err(), Some(Full));
    let waiting = tokio::spawn({
        let budget = budget.clone();
        async move { budget.charge(1).await.is_ok() }
    });
    tokio::task::yield_now().await;
    drop(all);
    assert!(waiting.await.expect("joined"));
    // More than there ever is can never be charged.
    assert_eq!(budget.charge(11 * 1024).await.err(), Some(Full));
}

#[tokio::test(start_paused = true)]
async fn many_small_pieces_cost_what_they_hold() {
    let budget = Budget::new(10 * 1024);
    let mut charge = budget.charge(1).await.expect("room");
    for piece in 1..10 * 1024 {
        budget.grow(&mut charge, 1).await.unwrap_or_else(|full| panic!("{piece}: {full}"));
    }
    assert_eq!(budget.used(), 10 * 1024);
    assert_eq!(budget.grow(&mut charge, 1).await, Err(Full));
    drop(charge);
    assert_eq!(budget.used(), 0);
}
